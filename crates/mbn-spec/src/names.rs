//! What users call the choices of a description, on command lines and in files.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Activation, Interpolation, Preset, Resize, Stride2Padding};

/// A name that stands for none of the choices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {expected}")]
pub struct ParseNameError {
    found: String,
    expected: &'static str,
}

macro_rules! names {
    ($type:ident, $expected:literal, $($name:literal => $variant:ident),+) => {
        impl FromStr for $type {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, ParseNameError> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(ParseNameError {
                        found: text.to_owned(),
                        expected: $expected,
                    }),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $name,)+
                })
            }
        }
    };
}

names!(Resize, "`square` or `crop`", "square" => Square, "crop" => Crop);
names!(
    Interpolation,
    "one of `nearest`, `box`, `bilinear`, `bilinear-no-antialias`, `hamming`, `bicubic` and `lanczos`",
    "nearest" => Nearest, "box" => Box, "bilinear" => Bilinear, "bilinear-no-antialias" => BilinearNoAntialias,
    "hamming" => Hamming, "bicubic" => Bicubic, "lanczos" => Lanczos
);
names!(Activation, "`relu` or `relu6`", "relu" => Relu, "relu6" => Relu6);
names!(
    Stride2Padding, "`symmetric`, `end` or `same`",
    "symmetric" => Symmetric, "end" => End, "same" => Same
);
names!(
    Preset, "one of `imagenet`, `half`, `unit`, `bytes`, `ultralytics`, `keras`, `timm` and `clip`",
    "imagenet" => Imagenet, "half" => Half, "unit" => Unit, "bytes" => Bytes, "ultralytics" => Ultralytics,
    "keras" => Keras, "timm" => Timm, "clip" => Clip
);

/// A number for each of red, green and blue: `R,G,B`, or one number for all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Channels(pub [f64; 3]);

impl Channels {
    /// The numbers as the preprocessing has them.
    pub fn to_f32(self) -> [f32; 3] {
        self.0.map(|value| value as f32)
    }
}

impl FromStr for Channels {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        match numbers.as_deref() {
            Ok(&[all]) => Ok(Self([all; 3])),
            Ok(&[red, green, blue]) => Ok(Self([red, green, blue])),
            _ => Err(ParseNameError {
                found: text.to_owned(),
                expected: "one number, or three: R,G,B",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_files() {
        for padding in [
            Stride2Padding::Symmetric,
            Stride2Padding::End,
            Stride2Padding::Same,
        ] {
            assert_eq!(serde_json::to_string(&padding).unwrap(), format!("\"{padding}\""));
            assert_eq!(padding.to_string().parse(), Ok(padding));
        }
        for interpolation in Interpolation::ALL {
            let json = serde_json::to_string(&interpolation).unwrap();
            assert_eq!(json, format!("\"{interpolation}\""));
            assert_eq!(interpolation.to_string().parse(), Ok(interpolation));
        }
        assert_eq!("relu6".parse(), Ok(Activation::Relu6));
        assert_eq!("crop".parse(), Ok(Resize::Crop));
        let message = "valid".parse::<Stride2Padding>().unwrap_err().to_string();
        assert_eq!(message, "`valid` is not `symmetric`, `end` or `same`");
    }

    #[test]
    fn channels_are_one_number_or_three() {
        assert_eq!("0.5".parse(), Ok(Channels([0.5; 3])));
        assert_eq!("1, 2,3".parse(), Ok(Channels([1.0, 2.0, 3.0])));
        for text in ["", "1,2", "1,2,3,4", "a", "1,,3"] {
            assert!(text.parse::<Channels>().is_err(), "{text}");
        }
    }
}
