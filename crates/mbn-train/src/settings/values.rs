//! The values of settings, with the same ranges on the command line and in configuration files.

mod number;
mod size;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use number::{BetaParameter, Fraction, NonNegative, Part, Positive, Probability, Temperature};
pub use size::{Size, StartSize};

/// Smallest and largest share of an image's area in a crop: `MIN,MAX`, or `MIN` for `MIN,1`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]", into = "[f64; 2]")]
pub struct CropScale([f64; 2]);

impl CropScale {
    /// Smallest and largest share.
    pub fn get(self) -> [f64; 2] {
        self.0
    }
}

impl TryFrom<[f64; 2]> for CropScale {
    type Error = String;

    fn try_from([low, high]: [f64; 2]) -> Result<Self, String> {
        if 0.0 < low && low <= high && high <= 1.0 {
            Ok(Self([low, high]))
        } else {
            Err(format!("{low},{high} is not MIN,MAX with 0 < MIN <= MAX <= 1"))
        }
    }
}

impl From<CropScale> for [f64; 2] {
    fn from(scale: CropScale) -> Self {
        scale.0
    }
}

impl FromStr for CropScale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once(',').unwrap_or((text, "1"));
        let number = |text: &str| text.trim().parse::<f64>();
        match (number(low), number(high)) {
            (Ok(low), Ok(high)) => [low, high].try_into(),
            _ => Err("expected MIN,MAX, such as 0.35,1".into()),
        }
    }
}

/// Number of operations and their strength, `N,M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[u32; 2]", into = "[u32; 2]")]
pub struct RandAugment {
    /// Operations per image, 0 to 14.
    pub operations: u32,
    /// Strength, 0 to 30.
    pub magnitude: u32,
}

impl RandAugment {
    /// No operations.
    pub const OFF: Self = Self {
        operations: 0,
        magnitude: 0,
    };
}

impl TryFrom<[u32; 2]> for RandAugment {
    type Error = String;

    fn try_from([operations, magnitude]: [u32; 2]) -> Result<Self, String> {
        if operations <= 14 && magnitude <= 30 {
            Ok(Self {
                operations,
                magnitude,
            })
        } else {
            Err(format!(
                "{operations},{magnitude} is not N,M with N up to 14 and M up to 30"
            ))
        }
    }
}

impl From<RandAugment> for [u32; 2] {
    fn from(value: RandAugment) -> Self {
        [value.operations, value.magnitude]
    }
}

impl FromStr for RandAugment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once(',')
            .map(|(n, m)| (n.trim().parse(), m.trim().parse()));
        match numbers {
            Some((Ok(operations), Ok(magnitude))) => [operations, magnitude].try_into(),
            _ => Err("expected N,M: number of operations and strength, such as 2,9".into()),
        }
    }
}

/// Number of blocks of the network; the stem is the first.
pub const BLOCKS: usize = mbn_spec::BLOCKS.len() + 1;

/// Number of frozen blocks, or `all`, which leaves the classifier to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FreezeText", into = "usize")]
pub struct Freeze(usize);

#[derive(Deserialize)]
#[serde(untagged)]
enum FreezeText {
    Number(i64),
    Text(String),
}

impl Freeze {
    /// Everything trains.
    pub const NONE: Self = Self(0);
    /// Only the classifier trains.
    pub const ALL: Self = Self(BLOCKS);

    /// Number of frozen blocks; the stem is the first of 14.
    pub fn blocks(self) -> usize {
        self.0
    }
}

impl From<Freeze> for usize {
    fn from(freeze: Freeze) -> usize {
        freeze.0
    }
}

impl TryFrom<FreezeText> for Freeze {
    type Error = String;

    fn try_from(value: FreezeText) -> Result<Self, String> {
        match value {
            FreezeText::Number(number) => number.to_string().parse(),
            FreezeText::Text(text) => text.parse(),
        }
    }
}

impl FromStr for Freeze {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::ALL);
        }
        match text.parse() {
            Ok(blocks) if blocks <= BLOCKS => Ok(Self(blocks)),
            _ => Err(format!(
                "`{text}` is not `all` or a number of blocks from 0 to {BLOCKS}"
            )),
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BLOCKS => f.write_str("all blocks"),
            blocks => write!(f, "the first {blocks} of {BLOCKS} blocks"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_on_the_command_line() {
        assert_eq!("0.5".parse::<Positive>().unwrap().get(), 0.5);
        for text in ["0", "nan", "inf", "-1", "x", ""] {
            assert!(text.parse::<Positive>().is_err(), "{text}");
        }
        assert!("0".parse::<NonNegative>().is_ok());
        assert!("1".parse::<Fraction>().is_err());
        assert_eq!("0.2".parse::<Part>().unwrap(), Part::FIFTH);
        for text in ["0", "1", "-0.1", "nan", "20"] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
        assert!("1".parse::<Probability>().is_ok());
        assert!("0.0001".parse::<BetaParameter>().is_err());
        assert_eq!("4".parse::<Temperature>().unwrap().get(), 4.0);
        assert!("0.01".parse::<Temperature>().is_ok() && "1000".parse::<Temperature>().is_ok());
        for text in ["0", "1e-39", "0.009", "1001", "1e25", "nan", "inf", "-1"] {
            assert!(text.parse::<Temperature>().is_err(), "{text}");
        }
        for (text, nearest) in [("0.001", 0.01), ("1e10", 1000.0), ("3.5", 3.5)] {
            let saved: Temperature = serde_json::from_str(text).unwrap();
            assert_eq!(saved.nearest().get(), nearest, "{text}");
        }
        for text in ["0", "-1", "\"4\""] {
            assert!(serde_json::from_str::<Temperature>(text).is_err(), "{text}");
        }
        assert_eq!("0.2".parse::<CropScale>().unwrap().get(), [0.2, 1.0]);
        assert_eq!("0.2, 0.9".parse::<CropScale>().unwrap().get(), [0.2, 0.9]);
        for text in ["0,1", "0.9,0.5", "0.5,2", "a", "0.5,", "nan,1"] {
            assert!(text.parse::<CropScale>().is_err(), "{text}");
        }
        assert_eq!(
            "2,9".parse(),
            Ok(RandAugment {
                operations: 2,
                magnitude: 9
            })
        );
        for text in ["2", "15,9", "2,31", "-1,9", "2,9,1"] {
            assert!(text.parse::<RandAugment>().is_err(), "{text}");
        }
        for text in ["31", "1025", "-1", "65568", "x", ""] {
            assert!(text.parse::<Size>().is_err(), "{text}");
            assert!(text.parse::<StartSize>().is_err(), "{text}");
        }
        assert_eq!("1024".parse::<Size>().unwrap().get(), 1024);
        assert_eq!("32".parse::<StartSize>().unwrap().get(), 32);
        assert_eq!("0".parse::<StartSize>().unwrap().get(), 0);
        assert!("0".parse::<Size>().is_err());
        assert_eq!("all".parse::<Freeze>().unwrap().blocks(), 14);
        assert_eq!("3".parse::<Freeze>().unwrap().blocks(), 3);
        for text in ["15", "-1", "none", ""] {
            assert!(text.parse::<Freeze>().is_err(), "{text}");
        }
    }
}
