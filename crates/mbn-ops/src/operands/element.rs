//! The types of values that activations are stored as.

use candle_core::WithDType;
use half::bf16;

/// The type of an activation's values and of their gradients. Arithmetic is in float32 whatever the type.
pub(crate) trait Element: WithDType {
    /// Exact.
    fn to_f32(self) -> f32;

    /// Rounded to nearest, ties to even.
    fn from_f32(value: f32) -> Self;

    /// `values` themselves, to write to, if they are float32.
    fn as_f32_mut(values: &mut [Self]) -> Option<&mut [f32]>;
}

impl Element for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }

    fn as_f32_mut(values: &mut [Self]) -> Option<&mut [f32]> {
        Some(values)
    }
}

impl Element for bf16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    /// Written without a branch, so that it vectorises.
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
        // Rounding could carry a NaN's payload into infinity; a set quiet bit survives.
        let bits = if value.is_nan() {
            bits | 0x0040_0000
        } else {
            rounded
        };
        Self::from_bits((bits >> 16) as u16)
    }

    fn as_f32_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_as_the_half_crate_does() {
        let specials = [
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN_POSITIVE,
            1e-45,
        ];
        let ties = [0x3f80_8000, 0x3f81_8000, 0x3f80_7fff, 0x3f80_8001, 0xbf80_8000].map(f32::from_bits);
        let many = (0..100_000u32).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9)));
        for value in specials.into_iter().chain(ties).chain(many) {
            let found = <bf16 as Element>::from_f32(value);
            let expected = bf16::from_f32(value);
            assert_eq!(found.is_nan(), expected.is_nan(), "{value}");
            assert!(found.is_nan() || found.to_bits() == expected.to_bits(), "{value}");
            assert!(
                found.is_nan() || Element::to_f32(found) == expected.to_f32(),
                "{value}"
            );
        }
    }
}
