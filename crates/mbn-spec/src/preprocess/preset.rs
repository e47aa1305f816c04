//! Preprocessing that many models share, by name.

use super::{IMAGENET_MEAN, IMAGENET_STD, Interpolation, Preprocess, Resize};

/// Per-channel mean of CLIP's training data, on channels scaled to `[0, 1]`.
const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Per-channel standard deviation of CLIP's training data.
const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// A preprocessing that many models share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// torchvision's: the shorter side to 256/224 of the size, the centre, ImageNet's mean and standard deviation.
    Imagenet,
    /// As [`Preset::Imagenet`], from -1 to 1.
    Half,
    /// As [`Preset::Imagenet`], from 0 to 1.
    Unit,
    /// As [`Preset::Imagenet`], from 0 to 255: the model normalises.
    Bytes,
    /// The shorter side to the size, the centre, from 0 to 1.
    Ultralytics,
    /// The whole picture squeezed, from -1 to 1.
    Keras,
    /// As [`Preset::Imagenet`], bicubic.
    Timm,
    /// The shorter side to the size, bicubic, CLIP's mean and standard deviation.
    Clip,
}

impl Preset {
    /// All presets, in the order in which help lists them.
    pub const ALL: [Self; 8] = [
        Self::Imagenet,
        Self::Half,
        Self::Unit,
        Self::Bytes,
        Self::Ultralytics,
        Self::Keras,
        Self::Timm,
        Self::Clip,
    ];

    /// The preprocessing at the size 224; [`Preprocess::with_size`] keeps its proportions.
    pub fn preprocess(self) -> Preprocess {
        let imagenet = Preprocess {
            resize: Resize::Crop,
            ..Preprocess::default()
        };
        let scaled = |mean, std| Preprocess {
            mean: [mean; 3],
            std: [std; 3],
            ..imagenet
        };
        let size = imagenet.size;
        match self {
            Self::Imagenet => imagenet,
            Self::Half => scaled(0.5, 0.5),
            Self::Unit => scaled(0.0, 1.0),
            Self::Bytes => scaled(0.0, 1.0 / 255.0),
            Self::Ultralytics => scaled(0.0, 1.0).with_shorter(size),
            Self::Keras => Preprocess {
                resize: Resize::Square,
                ..scaled(0.5, 0.5)
            },
            Self::Timm => Preprocess {
                interpolation: Interpolation::Bicubic,
                mean: IMAGENET_MEAN,
                std: IMAGENET_STD,
                ..imagenet
            },
            Self::Clip => Preprocess {
                interpolation: Interpolation::Bicubic,
                mean: CLIP_MEAN,
                std: CLIP_STD,
                ..imagenet.with_shorter(size)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_can_be_followed_at_any_size() {
        for preset in Preset::ALL {
            assert_eq!(preset.to_string().parse(), Ok(preset));
            for size in [32, 224, 299] {
                preset.preprocess().with_size(size).validate().unwrap();
            }
        }
        let ultralytics = Preset::Ultralytics.preprocess().with_size(640);
        assert_eq!(ultralytics.shorter_side(), 640);
        // A byte stays the number that it is.
        let bytes = Preset::Bytes.preprocess();
        assert_eq!(bytes.affine(0), (1.0, 0.0));
        assert!((0..=255).all(|byte| bytes.input_of(0, byte) == f32::from(byte)));
    }
}
