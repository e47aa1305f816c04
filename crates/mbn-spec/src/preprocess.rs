//! How a picture becomes the network's input. Weight files and ONNX files both store this description.

pub(crate) mod partial;
pub(crate) mod preset;

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
    /// Resizes the shorter side to [`Preprocess::shorter_side`], then takes the centre of size x size.
    Crop,
}

/// The filter of a resize, by Pillow's names. It widens with the reduction (antialiasing), unless the variant says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// The nearest pixel, whatever the reduction.
    Nearest,
    /// The mean of the pixels under a result.
    Box,
    /// A triangle.
    #[default]
    Bilinear,
    /// Between the four nearest pixels, whatever the reduction: `tf.image.resize`, Keras' data sets, OpenCV's `INTER_LINEAR`.
    BilinearNoAntialias,
    /// Hamming's window over a sinc of one lobe.
    Hamming,
    /// Keys's cubic with a = -0.5.
    Bicubic,
    /// Lanczos's window over a sinc of three lobes.
    Lanczos,
}

impl Interpolation {
    /// Every filter.
    pub const ALL: [Self; 7] = [
        Self::Nearest,
        Self::Box,
        Self::Bilinear,
        Self::BilinearNoAntialias,
        Self::Hamming,
        Self::Bicubic,
        Self::Lanczos,
    ];

    /// Whether each result depends on all pixels under it. Otherwise it hangs on single pixels, and a picture that has been
    /// reduced before gives another result.
    pub fn is_antialiased(self) -> bool {
        !matches!(self, Self::Nearest | Self::BilinearNoAntialias)
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the centre lies if the pixels around it are odd in number, so that half a pixel is left over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Centre {
    /// The half is rounded to an even number of pixels, as torchvision, timm and Ultralytics do.
    #[default]
    Even,
    /// The half is dropped, as transformers does.
    Down,
}

impl Centre {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Pixels before a part of `size` pixels in the centre of `length`.
    pub fn offset(self, length: usize, size: usize) -> usize {
        let around = length.saturating_sub(size);
        let half = around / 2;
        match self {
            Self::Even if around % 2 == 1 => half + half % 2,
            _ => half,
        }
    }
}

/// Resizing and normalisation of RGB pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Height and width of the network's input.
    pub size: usize,
    /// How the picture becomes square.
    pub resize: Resize,
    /// Length of the shorter side under [`Resize::Crop`], if it is not 256/224 of the size. It has no meaning otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shorter: Option<usize>,
    /// Where the centre lies under [`Resize::Crop`].
    #[serde(default, skip_serializing_if = "Centre::is_default")]
    pub centre: Centre,
    /// The filter of the resize.
    #[serde(default, skip_serializing_if = "Interpolation::is_default")]
    pub interpolation: Interpolation,
    /// Subtracted from channels scaled to `[0, 1]`.
    pub mean: [f32; 3],
    /// Divides the difference.
    pub std: [f32; 3],
}

/// The smallest height and width of the input of this project's network: of smaller ones its last layers leave no pixel.
pub const SMALLEST_SIZE: usize = 32;
/// The smallest height and width of the input of any network: below it, nothing can be told apart.
pub const SMALLEST_OF_ANY: usize = 8;
/// The largest height and width of a network's input.
pub const LARGEST_SIZE: usize = 4096;
/// The longest shorter side that is accepted.
const LONGEST_SHORTER: usize = 8192;
/// The largest standard deviation that is accepted: well above 256/255, well below those of channels from 0 to 255.
const LARGEST_STD: f32 = 2.0;
/// The largest magnitude of a network's input: the squares of such values and their sums, which batch norm takes, are finite.
const LARGEST_INPUT: f32 = 1e15;

/// A preprocessing description that no picture can follow.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PreprocessError {
    /// The size is outside the range that the network accepts.
    #[error("preprocessing size {size} is outside {smallest} to {LARGEST_SIZE}")]
    Size {
        /// The size found.
        size: usize,
        /// The smallest that the network accepts.
        smallest: usize,
    },
    /// The shorter side is smaller than the crop, or longer than any picture.
    #[error(
        "preprocessing resizes the shorter side to {shorter}, expected {size} (the size) to {LONGEST_SHORTER}"
    )]
    Shorter {
        /// The length found.
        shorter: usize,
        /// The size of the crop.
        size: usize,
    },
    /// A mean is not finite, or a standard deviation is not finite and positive.
    #[error("mean {mean:?} and std {std:?} must be finite, and std positive")]
    Statistics {
        /// The mean found.
        mean: [f32; 3],
        /// The standard deviation found.
        std: [f32; 3],
    },
    /// A standard deviation is so small that what is divided by it is too large to compute with.
    #[error(
        "std {std:?} is too small: divided by it, channels scaled to [0, 1] are beyond {LARGEST_INPUT:e}, too large for a network to \
         compute with"
    )]
    TooSmall {
        /// The standard deviation found.
        std: [f32; 3],
    },
    /// A mean or a standard deviation is none of channels scaled to `[0, 1]`.
    #[error(
        "mean {mean:?} and std {std:?} are not of channels scaled to [0, 1], where no mean is beyond 1 and no std above 2: \
         divide those of channels from 0 to 255 by 255"
    )]
    Scale {
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
            shorter: None,
            centre: Centre::Even,
            interpolation: Interpolation::Bilinear,
            mean: IMAGENET_MEAN,
            std: IMAGENET_STD,
        }
    }
}

impl Preprocess {
    /// Length of the shorter side under `Resize::Crop`: as given, else 256/224 of the size, rounded.
    pub fn shorter_side(&self) -> usize {
        self.shorter.unwrap_or_else(|| usual_shorter(self.size))
    }

    /// Length of the longer side under `Resize::Crop`, of a picture with these sides: without its fraction, as all libraries
    /// take it.
    pub fn longer_side(&self, shorter: usize, longer: usize) -> usize {
        self.shorter_side().saturating_mul(longer) / shorter.max(1)
    }

    /// The same with another shorter side. The usual one is not stored, so that equal descriptions are written equally.
    #[must_use]
    pub fn with_shorter(self, shorter: usize) -> Self {
        Self {
            shorter: Some(shorter).filter(|shorter| *shorter != usual_shorter(self.size)),
            ..self
        }
    }

    /// The same for another size. The crop keeps its share of the shorter side.
    #[must_use]
    pub fn with_size(self, size: usize) -> Self {
        let resized = Self { size, ..self };
        match self.shorter {
            Some(shorter) if size != self.size && self.size > 0 => {
                resized.with_shorter(shorter.saturating_mul(size).saturating_add(self.size / 2) / self.size)
            }
            _ => resized,
        }
    }

    /// `(scale, offset)` of channel `c` such that `byte * scale + offset` is the network's input. Where the channels are bytes less
    /// a mean, the scale is exactly 1, and the offset of a whole mean is whole.
    pub fn affine(&self, c: usize) -> (f32, f32) {
        let (mean, std) = (self.mean[c], self.std[c]);
        match is_of_bytes(std) {
            true => (1.0, -mean * 255.0),
            false => (1.0 / (255.0 * std), -mean / std),
        }
    }

    /// The network's input for a byte of channel `c`: `(byte / 255 - mean) / std`, rounded as PyTorch rounds it. Where the channels
    /// are bytes less a mean, that would be a hair beside `byte - 255 * mean` for many bytes, and a graph that takes its input for
    /// whole numbers would see others; there it is `byte - 255 * mean`.
    pub fn input_of(&self, c: usize, byte: u8) -> f32 {
        let (byte, mean, std) = (f32::from(byte), self.mean[c], self.std[c]);
        match is_of_bytes(std) {
            true => byte - mean * 255.0,
            false => (byte / 255.0 - mean) / std,
        }
    }

    /// Whether a network can compute with every value of channel `c`, from that of the byte 0 to that of 255.
    fn is_bounded(&self, c: usize) -> bool {
        let (scale, offset) = self.affine(c);
        // A value that is not a number is not below either.
        [255.0 * scale, offset, 255.0 * scale + offset]
            .iter()
            .all(|value| value.abs() <= LARGEST_INPUT)
    }

    /// Refuses sizes and statistics that no picture can follow, and statistics of another scale than this description's. A
    /// standard deviation of 1 leaves the channels as they are, one of 256/255 divides bytes by 256, and a smaller one may spread
    /// them up to 255 or further. Those of channels from 0 to 255 are above 50.
    ///
    /// # Errors
    /// [`PreprocessError`] for the first value out of range.
    pub fn validate(&self) -> Result<(), PreprocessError> {
        self.validate_from(SMALLEST_SIZE)
    }

    /// As [`validate`](Self::validate), for a network that takes images of `smallest` x `smallest` pixels, such as [`SMALLEST_OF_ANY`].
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn validate_from(&self, smallest: usize) -> Result<(), PreprocessError> {
        if !(smallest..=LARGEST_SIZE).contains(&self.size) {
            let size = self.size;
            return Err(PreprocessError::Size { size, smallest });
        }
        if let Some(shorter) = self.shorter
            && self.resize == Resize::Crop
            && !(self.size..=LONGEST_SHORTER).contains(&shorter)
        {
            let size = self.size;
            return Err(PreprocessError::Shorter { shorter, size });
        }
        let sound = |(mean, std): (&f32, &f32)| mean.is_finite() && std.is_finite() && *std > 0.0;
        if !self.mean.iter().zip(&self.std).all(sound) {
            return Err(PreprocessError::Statistics {
                mean: self.mean,
                std: self.std,
            });
        }
        if self.mean.iter().any(|mean| mean.abs() > 1.0) || self.std.iter().any(|std| *std > LARGEST_STD) {
            return Err(PreprocessError::Scale {
                mean: self.mean,
                std: self.std,
            });
        }
        if !(0..3).all(|c| self.is_bounded(c)) {
            return Err(PreprocessError::TooSmall { std: self.std });
        }
        Ok(())
    }
}

/// Whether a standard deviation is 1/255, as nearly as it is written in decimals: channels are on the scale of bytes.
fn is_of_bytes(std: f32) -> bool {
    (255.0 * f64::from(std) - 1.0).abs() < 1e-6
}

/// The side that the shorter one is resized to before a crop of `size` that keeps a part of it, as timm computes it: without its
/// fraction.
pub fn shorter_for(size: usize, part: f64) -> usize {
    (size as f64 / part).floor() as usize
}

/// The shorter side unless another is given: 256/224 of the size, rounded.
fn usual_shorter(size: usize) -> usize {
    (size.saturating_mul(256)).saturating_add(112) / 224
}

#[cfg(test)]
mod tests;
