//! `preprocessor_config.json` of any network. How its fields are meant depends on the type of processor.

mod normalising;

use mbn_spec::{Centre, PartialPreprocess, Preprocess, Resize};

use normalising::normalising;

use super::processor::{self, Found, Number, Processor, Sides, Steps};
use crate::beside::fields::{BesideError, Object};

/// Steps that change the picture in a way that there is no option for.
const NO_STEPS: [&str; 8] = [
    // A value range that depends on another step.
    "rescale_offset",
    "do_grayscale",
    "do_pad",
    "do_thumbnail",
    "do_align_long_axis",
    "do_pan_and_scan",
    "do_color_quantize",
    "use_square_size",
];

/// The step without which pictures have any size.
const RESIZES: &str = "do_resize";
/// The step that puts blue before red.
const FLIP: &str = "do_flip_channel_order";

/// The preprocessing that a file beside a model describes.
#[derive(Clone, Debug, PartialEq)]
pub struct StatedPreprocess {
    /// What it says.
    pub preprocess: PartialPreprocess,
    /// The part of the shorter side that the crop keeps, if the file gives that: at another size than the file's, the shorter side
    /// follows from it ([`shorter_for`](mbn_spec::shorter_for)).
    pub crop_part: Option<f64>,
    /// Another size that the file names, in pixels, and the part that the crop keeps at it.
    pub test: Option<(usize, f64)>,
    /// The channels are blue, green and red.
    pub blue_first: bool,
    /// The type of processor that it names, if that is unknown and read as most types are.
    pub unknown_type: Option<String>,
}

impl StatedPreprocess {
    /// The part of the shorter side that the crop keeps at images of `size` pixels, if the file gives it.
    pub fn crop_part_at(&self, size: usize) -> Option<f64> {
        let test = self.test.filter(|(test, _)| *test == size);
        test.map(|(_, part)| part).or(self.crop_part)
    }

    /// Whether there is nothing to follow and nothing to tell.
    pub(in crate::beside) fn is_empty(&self) -> bool {
        self.preprocess.is_empty() && self.unknown_type.is_none()
    }
}

impl From<PartialPreprocess> for StatedPreprocess {
    fn from(preprocess: PartialPreprocess) -> Self {
        Self {
            preprocess,
            crop_part: None,
            test: None,
            blue_first: false,
            unknown_type: None,
        }
    }
}

/// The preprocessing that a file describes. `model`: the network's type in `config.json`, for files that name no processor.
/// `usual` is what its library takes for mean and standard deviation where neither file nor type has one.
pub(in crate::beside) fn read(
    config: &Object,
    model: Option<&str>,
    usual: Preprocess,
) -> Result<StatedPreprocess, BesideError> {
    let found = processor::of(config, model)?;
    let known = match &found {
        Found::Known(known) => Some(*known),
        Found::Unknown(_) | Found::Unnamed => None,
    };
    require_steps(config)?;
    let mut stated = match known {
        Some(known) => resizing(config, known)?,
        None => unnamed_resizing(config)?,
    };
    let interpolation = config.resample("resample")?;
    stated.interpolation = interpolation.or(known.map(|known| known.interpolation));
    (stated.mean, stated.std) = normalising(config, known, usual)?;
    Ok(StatedPreprocess {
        preprocess: stated,
        crop_part: None,
        test: None,
        blue_first: flips(config, known)?,
        unknown_type: match found {
            Found::Unknown(name) => Some(name),
            Found::Known(_) | Found::Unnamed => None,
        },
    })
}

/// Refuses what a processor leaves out or does besides.
fn require_steps(config: &Object) -> Result<(), BesideError> {
    if config.step(RESIZES)? == Some(false) {
        return Err(config.wrong(RESIZES, "true"));
    }
    for step in NO_STEPS {
        if config.step(step)? == Some(true) {
            return Err(config.wrong(step, "false"));
        }
    }
    Ok(())
}

/// Whether a processor puts blue before red, as its last step.
fn flips(config: &Object, known: Option<&Processor>) -> Result<bool, BesideError> {
    let is_asked = config.step(FLIP)?;
    match known.map(|known| known.steps) {
        Some(Steps::MobileVit) => Ok(is_asked.unwrap_or(true)),
        // No other type is known to have the step, nor where it would stand among the others.
        _ if is_asked == Some(true) => Err(config.wrong(FLIP, "false")),
        _ => Ok(false),
    }
}

/// Size and crop as a known processor takes them.
fn resizing(config: &Object, known: &Processor) -> Result<PartialPreprocess, BesideError> {
    let crops = config.step("do_center_crop")?.unwrap_or(known.crops);
    let cropped = match crops {
        true => config.square("crop_size")?.or(known.crop_size),
        false => None,
    };
    let sides = sides(config, known)?;
    let part = config.positive("crop_pct")?;
    match (known.steps, sides) {
        (Steps::Refused(reason), _) => return Err(processor::refused(config, known, reason)),
        (Steps::Perceiver, _) if crops => {
            return Err(config.wrong(
                "do_center_crop",
                &format!(
                    "false, since {} cuts the centre out before it resizes",
                    known.name
                ),
            ));
        }
        (Steps::ConvNext, Sides::Shorter(side)) => {
            if cropped.is_some_and(|cropped| cropped != side) {
                return Err(config.wrong("crop_size", &format!("{side} x {side}, as `size`")));
            }
            return proportional(config, side, part.unwrap_or(224.0 / 256.0));
        }
        (Steps::ConvNext, Sides::Square(_)) => return Err(config.wrong("size", "a `shortest_edge`")),
        // Without a part, it resizes as others do.
        (Steps::PoolFormer, Sides::Square(side) | Sides::Shorter(side)) if !config.is_null("crop_pct") => {
            let shorter = scaled(config, side, part.unwrap_or(0.9))?;
            return resized(config, Sides::Shorter(shorter), cropped);
        }
        (Steps::Levit, Sides::Shorter(side)) => {
            let shorter = (256.0 / 224.0 * side as f64) as usize;
            return resized(config, Sides::Shorter(shorter), cropped);
        }
        _ => {}
    }
    resized(config, sides, cropped)
}

/// What the picture is resized to.
fn sides(config: &Object, known: &Processor) -> Result<Sides, BesideError> {
    if let Some(shorter) = shortest(config)? {
        return Ok(Sides::Shorter(shorter));
    }
    let usual = known.number == Number::Shorter;
    let means_shorter = config.is_number("size") && number_is_shorter(config)?.unwrap_or(usual);
    Ok(match config.square("size")? {
        Some(side) if means_shorter => Sides::Shorter(side),
        Some(side) => Sides::Square(side),
        None => known.size,
    })
}

/// Whether the file says that a number alone means the shorter side.
fn number_is_shorter(config: &Object) -> Result<Option<bool>, BesideError> {
    Ok(config.step("default_to_square")?.map(|is_square| !is_square))
}

/// The shorter side, if the file has an object that says it.
fn shortest(config: &Object) -> Result<Option<usize>, BesideError> {
    let Some(size) = config.as_object("size") else {
        return Ok(None);
    };
    let shortest = size.side("shortest_edge")?;
    if shortest.is_some() && size.side("longest_edge")?.is_some() {
        return Err(size.wrong("longest_edge", "none beside `shortest_edge`"));
    }
    Ok(shortest)
}

/// Resizing to a square or by the shorter side, and the centre of it.
fn resized(config: &Object, sides: Sides, cropped: Option<usize>) -> Result<PartialPreprocess, BesideError> {
    match (sides, cropped) {
        (Sides::Square(side), Some(cropped)) if cropped != side => {
            Err(config.wrong("crop_size", &format!("{side} x {side}, as the resized square")))
        }
        (Sides::Square(side), _) => Ok(PartialPreprocess {
            size: Some(side),
            resize: Some(Resize::Square),
            ..PartialPreprocess::default()
        }),
        (Sides::Shorter(_), None) => Err(config.wrong(
            "do_center_crop",
            "true, since the shorter side alone makes no square",
        )),
        (Sides::Shorter(shorter), size) => Ok(PartialPreprocess {
            size,
            resize: Some(Resize::Crop),
            shorter: Some(shorter),
            centre: Some(Centre::Down),
            ..PartialPreprocess::default()
        }),
    }
}

/// Size and crop where the type is not known. `size` is a shorter side or a square, `crop_size` what is cut out.
fn unnamed_resizing(config: &Object) -> Result<PartialPreprocess, BesideError> {
    let crop = config.step("do_center_crop")?;
    let cropped = match crop.unwrap_or(true) {
        true => config.square("crop_size")?,
        false => None,
    };
    let part = config.positive("crop_pct")?;
    let shortest = shortest(config)?;
    let square = match shortest {
        Some(_) => None,
        None => config.square("size")?,
    };
    // Older files have a number alone. Without a crop, the picture is squeezed to it.
    let squeezes = part.is_none() && cropped.is_none() && crop != Some(true);
    let said = number_is_shorter(config)?.filter(|_| config.is_number("size"));
    let is_shorter = said.unwrap_or(!squeezes && config.as_object("size").is_none());
    let shorter = shortest.or(square.filter(|_| is_shorter));
    match (shorter, part) {
        (Some(side), Some(part)) => return proportional(config, side, part),
        (Some(shorter), None) if cropped.is_none() && crop != Some(false) => {
            // The size is that of the model's input, or the usual one.
            return Ok(PartialPreprocess {
                size: None,
                ..resized(config, Sides::Shorter(shorter), Some(shorter))?
            });
        }
        (Some(shorter), None) => return resized(config, Sides::Shorter(shorter), cropped),
        (None, _) => {}
    }
    match square {
        Some(side) => resized(config, Sides::Square(side), cropped),
        None => Ok(PartialPreprocess {
            size: cropped,
            ..PartialPreprocess::default()
        }),
    }
}

/// Resizing by ConvNeXt's processor: below 384 pixels the centre is a part of the shorter side, above the picture is squeezed.
fn proportional(config: &Object, side: usize, part: f64) -> Result<PartialPreprocess, BesideError> {
    const SQUEEZED: usize = 384;
    let shorter = scaled(config, side, part)?;
    match side < SQUEEZED {
        true => resized(config, Sides::Shorter(shorter), Some(side)),
        false => resized(config, Sides::Square(side), None),
    }
}

/// The shorter side of which `side` is a part.
fn scaled(config: &Object, side: usize, part: f64) -> Result<usize, BesideError> {
    match part <= 1.0 {
        true => Ok((side as f64 / part) as usize),
        false => Err(config.wrong("crop_pct", "a number above 0 and at most 1")),
    }
}

#[cfg(test)]
mod tests;
