//! The width multiplier, as a type that admits only the four published values.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Width multiplier of MobileNetV1 (Howard et al. 2017, section 3.3): scales every layer's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub enum Alpha {
    /// 0.25
    Quarter,
    /// 0.5
    Half,
    /// 0.75
    ThreeQuarters,
    /// 1.0
    One,
}

/// A width multiplier other than 0.25, 0.5, 0.75 and 1.0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a width multiplier of MobileNetV1; use one of 0.25, 0.5, 0.75, 1.0")]
pub struct ParseAlphaError {
    found: String,
}

impl Alpha {
    /// All width multipliers, smallest first.
    pub const ALL: [Alpha; 4] = [Alpha::Quarter, Alpha::Half, Alpha::ThreeQuarters, Alpha::One];

    /// `channels` scaled by this multiplier. Exact for the channel counts of the network, all divisible by 4.
    pub fn scale(self, channels: usize) -> usize {
        channels * self.quarters() / 4
    }

    /// The multiplier as a number.
    pub fn value(self) -> f64 {
        self.quarters() as f64 / 4.0
    }

    fn quarters(self) -> usize {
        match self {
            Alpha::Quarter => 1,
            Alpha::Half => 2,
            Alpha::ThreeQuarters => 3,
            Alpha::One => 4,
        }
    }
}

impl fmt::Display for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Alpha::Quarter => "0.25",
            Alpha::Half => "0.5",
            Alpha::ThreeQuarters => "0.75",
            Alpha::One => "1.0",
        })
    }
}

impl From<Alpha> for f64 {
    fn from(alpha: Alpha) -> f64 {
        alpha.value()
    }
}

impl TryFrom<f64> for Alpha {
    type Error = ParseAlphaError;

    fn try_from(value: f64) -> Result<Self, ParseAlphaError> {
        value.to_string().parse()
    }
}

impl FromStr for Alpha {
    type Err = ParseAlphaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value: Option<f64> = text.trim().parse().ok();
        Alpha::ALL
            .into_iter()
            .find(|alpha| value == Some(alpha.value()))
            .ok_or_else(|| ParseAlphaError {
                found: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_the_four_published_values() {
        for (text, alpha) in [
            ("0.25", Alpha::Quarter),
            ("0.5", Alpha::Half),
            ("0.50", Alpha::Half),
            (".75", Alpha::ThreeQuarters),
            ("1", Alpha::One),
            ("1.0", Alpha::One),
        ] {
            assert_eq!(text.parse(), Ok(alpha));
        }
        for alpha in Alpha::ALL {
            assert_eq!(alpha.to_string().parse(), Ok(alpha));
        }
    }

    #[test]
    fn refuses_others_and_lists_the_four() {
        for text in ["0.3", "0", "-1", "2", "nan", "", "one"] {
            let message = text.parse::<Alpha>().unwrap_err().to_string();
            assert!(message.contains(&format!("`{text}`")), "{message}");
            assert!(message.contains("0.25, 0.5, 0.75, 1.0"), "{message}");
        }
    }
}
