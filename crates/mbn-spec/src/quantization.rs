//! How a network was quantised, as the metadata of its file says.

use serde::{Deserialize, Serialize};

/// Bits of a quantised weight. Processors without VNNI add two products of an unsigned and a signed byte in 16 bits, which
/// saturate: `2 * 255 * |weight| <= 32767` holds up to 64 (Intel's manual on `VPMADDUBSW`).
pub const WEIGHT_BITS: u32 = 7;

/// The largest magnitude of a quantised weight, so that no processor's sums saturate.
pub const LARGEST_WEIGHT: i8 = 64;

/// How a network was quantised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quantization {
    /// `int8`: weights of signed bytes for each output channel, values of unsigned bytes.
    pub format: String,
    /// Bits of a weight that are used.
    pub weight_bits: u32,
    /// How the ranges of values were chosen.
    pub calibration: String,
    /// Pictures on which they were measured.
    pub pictures: usize,
    /// Whether channels were scaled so that their ranges agree.
    pub equalised: bool,
    /// Whether the mean shift of each channel was measured and corrected.
    pub bias_corrected: bool,
    /// Layers that stay float32.
    pub keep_float: Vec<String>,
}

impl Quantization {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of numbers and strings is always JSON")
    }

    /// From JSON; `None` if it cannot be read.
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_products_fit_into_sixteen_bits_and_no_larger_weight_does() {
        let pair = |weight: i8| 2 * 255 * i32::from(weight);
        assert!(pair(LARGEST_WEIGHT) <= i32::from(i16::MAX));
        assert!(pair(-LARGEST_WEIGHT) >= i32::from(i16::MIN));
        assert!(pair(LARGEST_WEIGHT + 1) > i32::from(i16::MAX));
    }

    #[test]
    fn json_comes_back() {
        let quantization = Quantization {
            format: "int8".into(),
            weight_bits: WEIGHT_BITS,
            calibration: "mse".into(),
            pictures: 400,
            equalised: true,
            bias_corrected: true,
            keep_float: vec!["stem".into()],
        };
        let json = quantization.to_json();
        assert!(json.starts_with(r#"{"format":"int8","weight_bits":7,"#), "{json}");
        assert_eq!(Quantization::from_json(&json), Some(quantization));
        assert_eq!(Quantization::from_json("7"), None);
    }
}
