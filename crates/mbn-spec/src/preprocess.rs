//! How a picture becomes the network's input. Weight files and ONNX files both store this description.

use serde::{Deserialize, Serialize};

/// Per-channel mean of ImageNet, on channels scaled to `[0, 1]`.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Per-channel standard deviation of ImageNet, on channels scaled to `[0, 1]`.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// How a picture of any size becomes a square one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// Resizes the whole picture to size x size, whatever its aspect ratio.
    #[default]
    Square,
    /// Resizes the shorter side to 256/224 of the size, then takes the centre of size x size.
    Crop,
}

/// Resizing (bilinear with antialiasing) and normalisation of RGB pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Height and width of the network's input.
    pub size: usize,
    /// How the picture becomes square.
    pub resize: Resize,
    /// Subtracted from channels scaled to `[0, 1]`.
    pub mean: [f32; 3],
    /// Divides the difference.
    pub std: [f32; 3],
}

/// A preprocessing description that no picture can follow.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PreprocessError {
    /// The size is outside the range that the network accepts.
    #[error("preprocessing size {0} is outside 32 to 4096")]
    Size(usize),
    /// A mean is not finite, or a standard deviation is not finite and positive.
    #[error("mean {mean:?} and std {std:?} must be finite, and std positive")]
    Statistics {
        /// The mean found.
        mean: [f32; 3],
        /// The standard deviation found.
        std: [f32; 3],
    },
}

impl Default for Preprocess {
    fn default() -> Self {
        Self {
            size: 224,
            resize: Resize::Square,
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
        }
    }
}

impl Preprocess {
    /// Length of the shorter side under `Resize::Crop`: 256/224 of the size, rounded.
    pub fn shorter_side(&self) -> usize {
        (self.size * 256 + 112) / 224
    }

    /// `(scale, offset)` of channel `c` such that `byte * scale + offset` is the network's input.
    pub fn affine(&self, c: usize) -> (f32, f32) {
        (1.0 / (255.0 * self.std[c]), -self.mean[c] / self.std[c])
    }

    /// Refuses sizes and statistics that no picture can follow.
    ///
    /// # Errors
    /// [`PreprocessError`] for the first value out of range.
    pub fn validate(&self) -> Result<(), PreprocessError> {
        if !(32..=4096).contains(&self.size) {
            return Err(PreprocessError::Size(self.size));
        }
        let sound = |(mean, std): (&f32, &f32)| mean.is_finite() && std.is_finite() && *std > 0.0;
        if !self.mean.iter().zip(&self.std).all(sound) {
            return Err(PreprocessError::Statistics {
                mean: self.mean,
                std: self.std,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_contract() {
        let json = serde_json::to_string(&Preprocess::default()).unwrap();
        assert_eq!(
            json,
            r#"{"size":224,"resize":"square","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}"#
        );
        assert_eq!(
            serde_json::from_str::<Preprocess>(&json).unwrap(),
            Preprocess::default()
        );
    }

    #[test]
    fn refuses_values_out_of_range() {
        let base = Preprocess::default();
        assert!(Preprocess { size: 0, ..base }.validate().is_err());
        assert!(
            Preprocess {
                std: [0.0, 1.0, 1.0],
                ..base
            }
            .validate()
            .is_err()
        );
        assert!(
            Preprocess {
                mean: [f32::NAN, 0.0, 0.0],
                ..base
            }
            .validate()
            .is_err()
        );
        assert!(base.validate().is_ok());
    }

    #[test]
    fn shorter_side_of_224_is_256() {
        assert_eq!(Preprocess::default().shorter_side(), 256);
    }
}
