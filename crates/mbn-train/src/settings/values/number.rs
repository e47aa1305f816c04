//! Numbers in a range.

use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number in a range that the command line and TOML check.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// The number.
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = String;

            fn try_from(value: f64) -> Result<Self, String> {
                let allowed: fn(f64) -> bool = $allowed;
                if allowed(value) {
                    Ok(Self(value))
                } else {
                    Err(format!("{value} is not {}", $expected))
                }
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                value.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let value: f64 = text.trim().parse().map_err(|_| format!("expected {}", $expected))?;
                value.try_into()
            }
        }
    };
}

number!(
    /// Above 0.
    Positive,
    "a number above 0",
    |value| value > 0.0 && value.is_finite()
);
number!(
    /// 0 or more.
    NonNegative,
    "a number of at least 0",
    |value| value >= 0.0 && value.is_finite()
);
number!(
    /// From 0 to below 1.
    Fraction,
    "a number from 0 to below 1",
    |value| (0.0..1.0).contains(&value)
);
number!(
    /// Above 0 and below 1.
    Part,
    "a number above 0 and below 1",
    |value| value > 0.0 && value < 1.0
);
number!(
    /// From 0 to 1.
    Probability,
    "a probability from 0 to 1",
    |value| (0.0..=1.0).contains(&value)
);
number!(
    /// Both parameters of a Beta distribution, or 0 for no distribution.
    BetaParameter,
    "0, or a number from 0.001 to 1000",
    |value| value == 0.0 || (1e-3..=1e3).contains(&value)
);

/// What logits are divided by, above 0. States of earlier versions have any such number; what the user gives is from 0.01 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Positive", into = "f64")]
pub struct Temperature(f64);

impl Temperature {
    /// Beyond it the softmax of a teacher's logits is one class or all classes alike, in float32.
    const RANGE: RangeInclusive<f64> = 0.01..=1000.0;

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Refuses what the user may not give.
    ///
    /// # Errors
    /// The number is out of range.
    pub(crate) fn in_range(self) -> Result<Self, String> {
        match Self::RANGE.contains(&self.0) {
            true => Ok(self),
            false => Err(format!("{} is not a number from 0.01 to 1000", self.0)),
        }
    }

    /// The nearest that the user may give.
    pub(crate) fn nearest(self) -> Self {
        Self(self.0.clamp(*Self::RANGE.start(), *Self::RANGE.end()))
    }
}

impl From<Positive> for Temperature {
    fn from(value: Positive) -> Self {
        Self(value.get())
    }
}

impl TryFrom<f64> for Temperature {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        Positive::try_from(value).map(Self::from)
    }
}

impl From<Temperature> for f64 {
    fn from(value: Temperature) -> f64 {
        value.0
    }
}

impl FromStr for Temperature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = text
            .trim()
            .parse()
            .map_err(|_| "expected a number from 0.01 to 1000");
        Self(value?).in_range()
    }
}

impl Part {
    /// A fifth.
    pub const FIFTH: Self = Self(0.2);
}

impl Probability {
    /// Never.
    pub const ZERO: Self = Self(0.0);
}
