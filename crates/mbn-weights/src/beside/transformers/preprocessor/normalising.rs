//! Mean and standard deviation, and the factor before them.

use mbn_spec::Preprocess;

use crate::beside::fields::{BesideError, Object};
use crate::beside::transformers::processor::{Processor, Steps};

/// The factor that scales bytes to `[0, 1]`.
const TO_ONE: f64 = 1.0 / 255.0;
/// Relative rounding of a factor that is written in decimals.
const ROUNDING: f64 = 1e-6;

/// A value for each of red, green and blue.
type Channels = [f32; 3];

/// Mean and standard deviation of channels scaled to `[0, 1]`; the file has those of channels scaled by its factor, or of bytes if
/// it does not scale them.
pub(super) fn normalising(
    config: &Object,
    known: Option<&Processor>,
    usual: Preprocess,
) -> Result<(Option<Channels>, Option<Channels>), BesideError> {
    let channels = |name| config.channels_or_one(name);
    let (mean, std) = (channels("image_mean")?, channels("image_std")?);
    let (mean, std) = match known {
        Some(known) => {
            let range = known.range.preprocess();
            (mean.or(Some(range.mean)), std.or(Some(range.std)))
        }
        None => (mean, std),
    };
    let normalises = config.step("do_normalize")?.unwrap_or(true);
    let steps = known.map(|known| known.steps);
    let include_top = config.step("include_top")?;
    let divides_again = match steps {
        Some(Steps::EfficientNet) => include_top.unwrap_or(true),
        _ if include_top == Some(true) => return Err(config.wrong("include_top", "false")),
        _ => false,
    };
    let none = (Some([0.0; 3]), Some([1.0; 3]));
    let (mean, std) = match (normalises && steps != Some(Steps::MobileVit), divides_again) {
        (false, false) => none,
        (false, true) => (none.0, std),
        (true, false) => (mean, std),
        // Divided by the standard deviation twice.
        (true, true) => (
            mean,
            std.map(|std| std.map(|value| (f64::from(value) * f64::from(value)) as f32)),
        ),
    };
    let factor = match config.step("do_rescale")? {
        Some(false) => 1.0,
        _ => config.positive("rescale_factor")?.unwrap_or(TO_ONE),
    } / TO_ONE;
    if (factor - 1.0).abs() < ROUNDING {
        return Ok((mean, std));
    }
    let rescaled = |values: Channels| values.map(|value| (f64::from(value) / factor) as f32);
    let (mean, std) = (mean.unwrap_or(usual.mean), std.unwrap_or(usual.std));
    Ok((Some(rescaled(mean)), Some(rescaled(std))))
}
