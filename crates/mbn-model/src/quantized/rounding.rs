//! How values become bytes: rounded half to even, and saturated.

use mbn_weights::{ByteLayer, ByteScale};

/// Added to and taken from a value between -2^22 and 2^22, it rounds half to even: the sum's last bit has the weight 1.
const ROUNDS: f32 = (3 << 22) as f32;

/// A value between 0 and 255, rounded half to even.
fn round(value: f32) -> u8 {
    ((value + ROUNDS) - ROUNDS) as u8
}

/// As ONNX's `QuantizeLinear`: `saturate(round_half_even(value / scale) + zero_point)`.
pub(super) fn to_bytes(values: &[f32], ByteScale { scale, zero_point }: ByteScale) -> Vec<u8> {
    let zero = f32::from(zero_point);
    // Saturated before it is rounded, which gives the same.
    let byte = |value: &f32| {
        let steps = (value / scale).clamp(-zero, 255.0 - zero);
        (((steps + ROUNDS) - ROUNDS) + zero) as u8
    };
    values.iter().map(byte).collect()
}

/// Adds the bias of each channel, and applies the activation.
pub(super) fn activate(mut values: Vec<f32>, bias: &[f32], max: f32) -> Vec<f32> {
    for pixel in values.chunks_exact_mut(bias.len().max(1)) {
        for (value, bias) in pixel.iter_mut().zip(bias) {
            *value = (*value + bias).clamp(0.0, max);
        }
    }
    values
}

/// Integer sums to bytes, channel by channel.
pub(super) struct Rounding<'a> {
    bias: &'a [i32],
    factors: Vec<f32>,
}

impl<'a> Rounding<'a> {
    pub fn new(layer: &'a ByteLayer, input: f32, output: f32) -> Self {
        Self {
            bias: &layer.bias,
            // In ONNX Runtime's order.
            factors: layer.scales.iter().map(|scale| input * scale / output).collect(),
        }
    }

    /// Bytes for sums `[.., C]`, which are integers.
    pub fn apply(&self, sums: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(sums.len());
        for pixel in sums.chunks_exact(self.bias.len().max(1)) {
            let channels = pixel.iter().zip(self.bias).zip(&self.factors);
            bytes.extend(channels.map(|((&sum, bias), factor)| {
                let sum = (sum as i32).saturating_add(*bias);
                round((sum as f32 * factor).clamp(0.0, 255.0))
            }));
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_number_and_the_rest_saturates() {
        let scale = ByteScale {
            scale: 0.5,
            zero_point: 3,
        };
        let values = [-9.0, -1.5, -0.25, 0.25, 0.75, 1.25, 126.0, 200.0, f32::INFINITY];
        assert_eq!(to_bytes(&values, scale), [0, 0, 3, 3, 5, 5, 255, 255, 255]);
        for (value, expected) in [(0.5, 0), (1.5, 2), (2.5, 2), (254.5, 254), (2.500_001, 3)] {
            assert_eq!(round(value), expected, "{value}");
        }
    }

    #[test]
    fn sums_are_scaled_after_the_bias() {
        let layer = ByteLayer {
            weight: Vec::new(),
            scales: vec![0.5, 0.25],
            bias: vec![3, -8],
        };
        let rounding = Rounding::new(&layer, 0.5, 0.25);
        // Factors 1 and 0.5.
        assert_eq!(
            rounding.apply(&[4.0, 9.0, -9.0, 600.0, 252.0, 19.0]),
            [7, 0, 0, 255, 255, 6]
        );
    }
}
