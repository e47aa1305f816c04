//! The settings of augmentation, as plain data that a configuration file or a command line fills.

mod validate;

use serde::{Deserialize, Serialize};

pub use validate::AugmentError;

/// Random changes to training pictures, in this order: a random resized crop, a horizontal flip, colour jitter, the
/// operations of a policy, random erasing (after normalisation), and mixing within the batch.
///
/// Every field has a value that switches it off, so the settings also fit formats without nulls. [`Augment::none`]
/// switches all of them off; `Augment::default()` is a crop and a flip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Whether to take a random box of the picture. Otherwise pictures become square as
    /// [`Preprocess::resize`](mbn_spec::Preprocess) says.
    pub crop: bool,
    /// Smallest and largest fraction of the picture's area that the crop takes.
    pub scale: [f32; 2],
    /// Smallest and largest aspect ratio (width / height) of the crop.
    pub ratio: [f32; 2],
    /// Probability of mirroring the picture left to right.
    pub flip: f32,
    /// Random brightness, contrast, saturation and hue.
    pub color_jitter: ColorJitter,
    /// Randomly chosen operations.
    pub policy: Policy,
    /// Colour of the pixels that a shear, a translation or a rotation brings in from outside the picture.
    pub fill: [u8; 3],
    /// Random erasing of a box.
    pub erasing: Erasing,
    /// Mixup and cutmix.
    pub mixing: Mixing,
}

/// Random brightness, contrast, saturation and hue in random order, like torchvision's `ColorJitter`. 0 switches one
/// off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColorJitter {
    /// Multiplies the brightness by a factor from `1 - brightness` (at least 0) to `1 + brightness`.
    pub brightness: f32,
    /// Multiplies the difference from the mean luminance likewise.
    pub contrast: f32,
    /// Multiplies the difference from grey likewise.
    pub saturation: f32,
    /// Rotates the hue by up to this fraction of the colour circle either way, 0 to 0.5.
    pub hue: f32,
}

/// Which operations to choose, and how strong they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// No operations.
    #[default]
    None,
    /// One operation with a random strength from wide ranges: torchvision's `TrivialAugmentWide` (Müller and Hutter
    /// 2021).
    TrivialAugment,
    /// Several operations with the same strength: torchvision's `RandAugment` (Cubuk et al. 2019).
    RandAugment {
        /// Number of operations; torchvision's default is 2.
        ops: usize,
        /// Their strength, 0 to 30; torchvision's default is 9.
        magnitude: u32,
    },
}

/// Random erasing of a box (Zhong et al. 2017), like torchvision's `RandomErasing`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Erasing {
    /// Probability of erasing a box of a picture; 0 (the default) switches erasing off.
    pub probability: f32,
    /// Smallest and largest fraction of the picture's area.
    pub scale: [f32; 2],
    /// Smallest and largest aspect ratio (height / width).
    pub ratio: [f32; 2],
    /// What the box is filled with.
    pub value: EraseValue,
}

/// What an erased box is filled with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EraseValue {
    /// The data set's mean colour, which is 0 after normalisation.
    #[default]
    Mean,
    /// Normally distributed noise, drawn for every value (mean 0 and standard deviation 1 after normalisation).
    Noise,
}

/// Mixes the pictures of a batch and their labels in pairs, the first with the last: mixup (Zhang et al. 2017) and
/// cutmix (Yun et al. 2019), like timm's `Mixup` in `batch` mode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mixing {
    /// Both parameters of mixup's Beta distribution; 0 (the default) switches mixup off.
    pub mixup: f32,
    /// Both parameters of cutmix's Beta distribution; 0 (the default) switches cutmix off.
    pub cutmix: f32,
    /// Probability of mixing a batch.
    pub probability: f32,
    /// Probability of cutmix if both are on.
    pub switch: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            crop: true,
            scale: [0.35, 1.0],
            ratio: [3.0 / 4.0, 4.0 / 3.0],
            flip: 0.5,
            color_jitter: ColorJitter::default(),
            policy: Policy::None,
            fill: [0; 3],
            erasing: Erasing::default(),
            mixing: Mixing::default(),
        }
    }
}

impl Default for Erasing {
    fn default() -> Self {
        Self {
            probability: 0.0,
            scale: [0.02, 0.33],
            ratio: [0.3, 3.3],
            value: EraseValue::Mean,
        }
    }
}

impl Default for Mixing {
    fn default() -> Self {
        Self {
            mixup: 0.0,
            cutmix: 0.0,
            probability: 1.0,
            switch: 0.5,
        }
    }
}

impl Mixing {
    /// Whether batches may be mixed.
    pub fn is_on(&self) -> bool {
        self.probability > 0.0 && (self.mixup > 0.0 || self.cutmix > 0.0)
    }
}

impl Augment {
    /// Whether colour jitter or a policy changes the pixels of resized pictures.
    pub(crate) fn changes_pixels(&self) -> bool {
        self.color_jitter != ColorJitter::default() || self.policy != Policy::None
    }

    /// Whether erasing or mixing changes normalised pictures.
    pub(crate) fn changes_values(&self) -> bool {
        let Mixing { mixup, cutmix, .. } = self.mixing;
        self.erasing.probability > 0.0 || mixup > 0.0 || cutmix > 0.0
    }

    /// No random changes: pictures only become square.
    pub fn none() -> Self {
        Self {
            crop: false,
            flip: 0.0,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_json_and_unknown_ones_are_refused() {
        for policy in [
            Policy::None,
            Policy::TrivialAugment,
            Policy::RandAugment { ops: 2, magnitude: 9 },
        ] {
            let augment = Augment {
                flip: 0.25,
                policy,
                ..Augment::default()
            };
            let json = serde_json::to_string(&augment).unwrap();
            assert_eq!(serde_json::from_str::<Augment>(&json).unwrap(), augment);
        }
        for unknown in [
            r#"{"flop": 1}"#,
            r#"{"erasing": {"chance": 1}}"#,
            r#"{"mixing": {"blend": 1}}"#,
            r#"{"policy": {"rand_augment": {"ops": 2, "magnitude": 9, "bins": 31}}}"#,
        ] {
            assert!(serde_json::from_str::<Augment>(unknown).is_err(), "{unknown}");
        }
    }
}
