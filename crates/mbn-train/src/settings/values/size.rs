//! Height and width of images.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

const SMALLEST: i64 = 32;
const LARGEST: i64 = 1024;

/// Height and width of images in pixels, from 32 to 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Size(u16);

impl Size {
    /// Pixels.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl TryFrom<i64> for Size {
    type Error = String;

    fn try_from(pixels: i64) -> Result<Self, String> {
        let allowed = u16::try_from(pixels).ok();
        allowed
            .filter(|_| (SMALLEST..=LARGEST).contains(&pixels))
            .map(Self)
            .ok_or_else(|| format!("{pixels} is not a number of pixels from {SMALLEST} to {LARGEST}"))
    }
}

impl From<Size> for i64 {
    fn from(size: Size) -> Self {
        size.0.into()
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = |_| format!("expected a number of pixels from {SMALLEST} to {LARGEST}");
        text.trim().parse::<i64>().map_err(expected)?.try_into()
    }
}

/// The size from which training images grow, or 0 if they do not grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct StartSize(Option<Size>);

impl StartSize {
    /// Pixels, 0 for no growth.
    pub fn get(self) -> usize {
        self.0.map_or(0, Size::get)
    }
}

impl TryFrom<i64> for StartSize {
    type Error = String;

    fn try_from(pixels: i64) -> Result<Self, String> {
        match pixels {
            0 => Ok(Self(None)),
            _ => Size::try_from(pixels)
                .map(|size| Self(Some(size)))
                .map_err(|error| format!("{error}, or 0")),
        }
    }
}

impl From<StartSize> for i64 {
    fn from(size: StartSize) -> Self {
        size.0.map_or(0, Into::into)
    }
}

impl FromStr for StartSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = |_| format!("expected a number of pixels from {SMALLEST} to {LARGEST}, or 0");
        text.trim().parse::<i64>().map_err(expected)?.try_into()
    }
}
