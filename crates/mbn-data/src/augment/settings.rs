//! What happens to training pictures, as plain data that a configuration file or the command line fills.

use serde::{Deserialize, Serialize};

/// What happens to training pictures, in this order: a random resized crop, a horizontal flip, colour jitter,
/// the operations of a policy, normalisation, random erasing, and mixing within the batch.
///
/// All fields have a value that switches them off, so that the settings can be written in a format without
/// nulls; [`Augment::none`] has them all off. `Augment::default()` is a crop and a flip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Whether to take a random box of the picture. Without it pictures become square as
    /// [`Preprocess::resize`](mbn_spec::Preprocess) says.
    pub crop: bool,
    /// Smallest and largest part of the picture's area that the crop takes.
    pub scale: [f32; 2],
    /// Smallest and largest aspect ratio (width / height) of the crop.
    pub ratio: [f32; 2],
    /// Probability of mirroring left and right.
    pub flip: f32,
    /// Random brightness, contrast, saturation and hue.
    pub color_jitter: ColorJitter,
    /// Randomly chosen operations on the picture.
    pub policy: Policy,
    /// Colour of what a shear, a translation or a rotation brings in from outside the picture.
    pub fill: [u8; 3],
    /// A box filled with nothing.
    pub erasing: Erasing,
    /// Pictures of a batch mixed in pairs.
    pub mixing: Mixing,
}

/// Random brightness, contrast, saturation and hue in random order, as torchvision's `ColorJitter`; 0 leaves one out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColorJitter {
    /// The brightness is multiplied by a factor from `1 - brightness` (at least 0) to `1 + brightness`.
    pub brightness: f32,
    /// The distance from the mean luminance is multiplied likewise.
    pub contrast: f32,
    /// The distance from grey is multiplied likewise.
    pub saturation: f32,
    /// The hue is turned by up to this part of the colour circle either way, 0 to 0.5.
    pub hue: f32,
}

/// Which operations are chosen, and how strong they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// None.
    #[default]
    None,
    /// One operation of random strength from wide ranges: torchvision's `TrivialAugmentWide` (Müller and Hutter 2021).
    TrivialAugment,
    /// Operations of one strength: torchvision's `RandAugment` (Cubuk et al. 2019).
    RandAugment {
        /// Operations applied one after another; torchvision's default is 2.
        ops: usize,
        /// Their strength, 0 to 30; torchvision's default is 9.
        magnitude: u32,
    },
}

/// Random erasing of a box (Zhong et al. 2017), as torchvision's `RandomErasing`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Erasing {
    /// Probability that a picture loses a box; 0 (the default) switches erasing off.
    pub probability: f32,
    /// Smallest and largest part of the picture's area.
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
    /// The data set's mean colour, which is 0 once normalised.
    #[default]
    Mean,
    /// Normally distributed noise, every value anew (mean 0, standard deviation 1, once normalised).
    Noise,
}

/// Mixing of the pictures of a batch in pairs, first with last, and of their labels: mixup (Zhang et al. 2017) and
/// cutmix (Yun et al. 2019), as timm's `Mixup` does it in its `batch` mode.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mixing {
    /// Both parameters of mixup's Beta distribution; 0 (the default) switches mixup off.
    pub mixup: f32,
    /// Both parameters of cutmix's Beta distribution; 0 (the default) switches cutmix off.
    pub cutmix: f32,
    /// Probability that a batch is mixed at all.
    pub probability: f32,
    /// Probability of cutmix, where both are on.
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

/// Augmentation parameters that cannot be carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("augmentation `{parameter}` is {found}, expected {expected}")]
pub struct AugmentError {
    /// The parameter, `erasing.scale` for one.
    pub parameter: &'static str,
    /// Its value.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

impl Augment {
    /// Whether the pixels of resized pictures are changed: by colour jitter or a policy.
    pub(crate) fn changes_pixels(&self) -> bool {
        self.color_jitter != ColorJitter::default() || self.policy != Policy::None
    }

    /// Whether normalised pictures are changed: by erasing or mixing.
    pub(crate) fn changes_values(&self) -> bool {
        let Mixing { mixup, cutmix, .. } = self.mixing;
        self.erasing.probability > 0.0 || mixup > 0.0 || cutmix > 0.0
    }

    /// Nothing random: pictures only become square.
    pub fn none() -> Self {
        Self {
            crop: false,
            flip: 0.0,
            ..Self::default()
        }
    }

    /// Refuses ranges that hold no box, probabilities outside 0 to 1, and strengths that no operation has.
    ///
    /// # Errors
    /// [`AugmentError`] naming the first parameter that is wrong.
    pub fn validate(&self) -> Result<(), AugmentError> {
        let jitter = &self.color_jitter;
        area("scale", self.scale)?;
        aspect("ratio", self.ratio)?;
        probability("flip", self.flip)?;
        for (parameter, value) in [
            ("color_jitter.brightness", jitter.brightness),
            ("color_jitter.contrast", jitter.contrast),
            ("color_jitter.saturation", jitter.saturation),
        ] {
            require(value >= 0.0 && value.is_finite(), parameter, value, "0 or more")?;
        }
        let hue = jitter.hue;
        require((0.0..=0.5).contains(&hue), "color_jitter.hue", hue, "0 to 0.5")?;
        if let Policy::RandAugment { ops, magnitude } = self.policy {
            require((1..=14).contains(&ops), "policy.rand_augment.ops", ops, "1 to 14")?;
            let parameter = "policy.rand_augment.magnitude";
            require(magnitude <= 30, parameter, magnitude, "0 to 30")?;
        }
        area("erasing.scale", self.erasing.scale)?;
        aspect("erasing.ratio", self.erasing.ratio)?;
        probability("erasing.probability", self.erasing.probability)?;
        for (parameter, value) in [
            ("mixing.mixup", self.mixing.mixup),
            ("mixing.cutmix", self.mixing.cutmix),
        ] {
            // Beyond, the Beta distribution's own arithmetic overflows; at 1000 it is a half and hardly varies.
            let possible = value == 0.0 || (1e-3..=1e3).contains(&value);
            require(possible, parameter, value, "0, or from 0.001 to 1000")?;
        }
        probability("mixing.probability", self.mixing.probability)?;
        probability("mixing.switch", self.mixing.switch)
    }
}

fn require(
    holds: bool,
    parameter: &'static str,
    found: impl std::fmt::Debug,
    expected: &'static str,
) -> Result<(), AugmentError> {
    if holds {
        return Ok(());
    }
    Err(AugmentError {
        parameter,
        found: format!("{found:?}"),
        expected,
    })
}

fn probability(parameter: &'static str, value: f32) -> Result<(), AugmentError> {
    let holds = (0.0..=1.0).contains(&value);
    require(holds, parameter, value, "a probability from 0 to 1")
}

fn area(parameter: &'static str, [low, high]: [f32; 2]) -> Result<(), AugmentError> {
    let holds = 0.0 < low && low <= high && high <= 1.0;
    let expected = "[low, high] with 0 < low <= high <= 1";
    require(holds, parameter, [low, high], expected)
}

fn aspect(parameter: &'static str, [low, high]: [f32; 2]) -> Result<(), AugmentError> {
    let holds = 0.0 < low && low <= high && high.is_finite();
    require(holds, parameter, [low, high], "[low, high] with 0 < low <= high")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_parameters_that_make_no_sense() {
        Augment::default().validate().unwrap();
        Augment::none().validate().unwrap();
        type Change = fn(&mut Augment);
        let spoil: [(&str, Change); 16] = [
            ("scale", |a| a.scale = [0.0, 1.0]),
            ("scale", |a| a.scale = [0.9, 0.5]),
            ("ratio", |a| a.ratio = [f32::NAN, 1.0]),
            ("flip", |a| a.flip = 1.5),
            ("color_jitter.brightness", |a| a.color_jitter.brightness = -0.1),
            ("color_jitter.contrast", |a| {
                a.color_jitter.contrast = f32::INFINITY;
            }),
            ("color_jitter.saturation", |a| {
                a.color_jitter.saturation = f32::NAN;
            }),
            ("color_jitter.hue", |a| a.color_jitter.hue = 0.6),
            ("policy.rand_augment.ops", |a| {
                a.policy = Policy::RandAugment { ops: 0, magnitude: 9 };
            }),
            ("policy.rand_augment.magnitude", |a| {
                a.policy = Policy::RandAugment {
                    ops: 2,
                    magnitude: 31,
                };
            }),
            ("erasing.scale", |a| a.erasing.scale = [0.1, 1.1]),
            ("erasing.ratio", |a| a.erasing.ratio = [0.0, 1.0]),
            ("erasing.probability", |a| a.erasing.probability = -1.0),
            ("mixing.mixup", |a| a.mixing.mixup = -0.2),
            ("mixing.cutmix", |a| a.mixing.cutmix = 1e-9),
            ("mixing.switch", |a| a.mixing.switch = 2.0),
        ];
        for (parameter, change) in spoil {
            let mut bad = Augment::default();
            change(&mut bad);
            assert_eq!(bad.validate().unwrap_err().parameter, parameter);
        }
    }

    #[test]
    fn parameters_survive_json_and_unknown_ones_are_refused() {
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
