//! Operator sets and the versions of the format that go with them.

use std::ops::RangeInclusive;

/// Supported operator sets: from 11, which gave this network's operators on floats their present form, to the newest one that the
/// ONNX Runtime of `make onnxruntime` takes as released.
pub const OPSETS: RangeInclusive<i64> = 11..=26;

/// First operator set with a `DequantizeLinear` that has a scale for each channel.
pub(crate) const SCALE_PER_CHANNEL: i64 = 13;

/// First operator set with a `Resize` that widens its filter with the reduction (antialiasing).
pub const ANTIALIASED_RESIZE: i64 = 18;

/// The default operator set: any runtime since 2022 reads it.
pub const DEFAULT_OPSET: i64 = 17;

/// An operator set that is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("opset {found} is not supported; use one of {} to {}", OPSETS.start(), OPSETS.end())]
pub struct OpsetError {
    /// The operator set in the options or in a file.
    pub found: i64,
}

/// The version of the format (IR) that came with an operator set, and the lowest that may import it, according to the
/// table in ONNX's `Versioning.md`.
///
/// # Errors
/// [`OpsetError`] for an operator set outside [`OPSETS`].
pub fn ir_version(opset: i64) -> Result<i64, OpsetError> {
    match opset {
        11 => Ok(6),
        12..=14 => Ok(7),
        15..=18 => Ok(8),
        19..=20 => Ok(9),
        21..=22 => Ok(10),
        23 => Ok(11),
        24 => Ok(12),
        25..=26 => Ok(13),
        _ => Err(OpsetError { found: opset }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_opset_has_its_ir_version() {
        let found: Vec<_> = OPSETS.map(|opset| ir_version(opset).unwrap()).collect();
        assert_eq!(found, [6, 7, 7, 7, 8, 8, 8, 8, 9, 9, 10, 10, 11, 12, 13, 13]);
        assert_eq!(ir_version(DEFAULT_OPSET), Ok(8));
    }

    #[test]
    fn others_are_refused_with_the_range() {
        for opset in [i64::MIN, -1, 0, 10, 27, i64::MAX] {
            let message = ir_version(opset).unwrap_err().to_string();
            assert!(
                message.contains(&opset.to_string()) && message.contains("11 to 26"),
                "{message}"
            );
        }
    }
}
