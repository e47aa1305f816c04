//! Checks that augmentation settings make sense.

use super::{Augment, Policy};

/// An augmentation parameter that is out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("augmentation `{parameter}` is {found}, expected {expected}")]
pub struct AugmentError {
    /// Name of the parameter, such as `erasing.scale`.
    pub parameter: &'static str,
    /// Its value.
    pub found: String,
    /// The allowed values.
    pub expected: &'static str,
}

impl Augment {
    /// Checks that every range is ordered, every probability is in 0 to 1, and every strength is one that its operation
    /// accepts.
    ///
    /// # Errors
    /// [`AugmentError`] with the first parameter that is out of range.
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
            // Outside this range, sampling the Beta distribution overflows. At 1000 it is close to a constant half.
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
    fn refuses_parameters_out_of_range() {
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
}
