//! transformers: `config.json` describes the network, `preprocessor_config.json` the preprocessing.

use std::path::Path;

use mbn_spec::{Centre, PartialPreprocess, Preprocess, Resize, Stride2Padding};

use super::fields::{BesideError, Object};
use super::{CONFIG, Described, PREPROCESSOR, note};

const MODEL_TYPE: &str = "mobilenet_v1";
/// The field that names the classes.
const ID2LABEL: &str = "id2label";
/// The factor that scales bytes to `[0, 1]`.
const TO_ONE: f64 = 1.0 / 255.0;
/// Relative rounding of a factor that is written in decimals.
const ROUNDING: f64 = 1e-6;
/// Channels of the narrowest layer, the stem, for each quarter of the width multiplier.
const STEM_QUARTER: f64 = 32.0;

/// Reads both files of a folder. `usual` is the preprocessing of the published weights.
pub(crate) fn read(folder: &Path, usual: Preprocess) -> Result<Described, BesideError> {
    let mut described = Described::default();
    let mut stated = PartialPreprocess::default();
    if let Some(config) = Object::read(folder, CONFIG)? {
        let model = config.text("model_type")?;
        if let Some(other) = model.filter(|model| *model != MODEL_TYPE) {
            described.other_model = Some(other.to_owned());
            return Ok(described);
        }
        network(&config, &mut described)?;
        if let Some(size) = config.side("image_size")? {
            stated.size = Some(size);
            note(&mut described.preprocess_files, CONFIG);
        }
    }
    if let Some(config) = Object::read(folder, PREPROCESSOR)? {
        stated = preprocessing(&config, usual)?;
        described.preprocess_files = vec![PREPROCESSOR];
    }
    if let Some(file) = described.preprocess_files.last().copied() {
        let preprocess = stated.over(usual);
        let valid = preprocess.validate();
        valid.map_err(|error| BesideError::new(file, format!("cannot be followed: {error}")))?;
        described.preprocess = Some(preprocess);
    }
    Ok(described)
}

fn network(config: &Object, described: &mut Described) -> Result<(), BesideError> {
    described.activation = config.activation("hidden_act")?;
    described.epsilon = config.positive("layer_norm_eps")?;
    described.padding = config.boolean("tf_padding")?.map(|is_same| match is_same {
        true => Stride2Padding::Same,
        false => Stride2Padding::Symmetric,
    });
    if described.activation.is_some() || described.epsilon.is_some() || described.padding.is_some() {
        note(&mut described.variant_files, CONFIG);
    }
    described.alpha = config.positive("depth_multiplier")?;
    if let (Some(depth), Some(alpha)) = (config.positive("min_depth")?, described.alpha)
        && depth > STEM_QUARTER * alpha
    {
        return Err(config.wrong(
            "min_depth",
            "at most the stem's channels, which it would otherwise widen",
        ));
    }
    if config
        .positive("num_channels")?
        .is_some_and(|channels| channels != 3.0)
    {
        return Err(config.wrong("num_channels", "3"));
    }
    if let Some(names) = class_names(config)? {
        described.classes = Some((ID2LABEL, names));
        note(&mut described.class_files, CONFIG);
    }
    Ok(())
}

/// The class names of a configuration of any network.
pub(super) fn class_names(config: &Object) -> Result<Option<Vec<String>>, BesideError> {
    let names = config.indexed_texts(ID2LABEL)?;
    // What the library writes for classes without names says nothing.
    let is_named = |names: &Vec<String>| {
        names
            .iter()
            .enumerate()
            .any(|(i, name)| *name != format!("LABEL_{i}"))
    };
    Ok(names.filter(is_named))
}

/// The preprocessing that a file of any network describes. `usual` is what its library takes for mean and standard deviation
/// where the file has none.
pub(super) fn preprocessing(config: &Object, usual: Preprocess) -> Result<PartialPreprocess, BesideError> {
    for step in ["do_resize", "do_rescale"] {
        if config.boolean(step)? == Some(false) {
            return Err(config.wrong(step, "true"));
        }
    }
    // Blue before red, and a value range that depends on another step.
    for step in ["do_flip_channel_order", "rescale_offset"] {
        if config.boolean(step)? == Some(true) {
            return Err(config.wrong(step, "false"));
        }
    }
    let mut stated = resizing(config)?;
    stated.interpolation = config.resample("resample")?;
    let (mean, std) = match config.boolean("do_normalize")? {
        Some(false) => (Some([0.0; 3]), Some([1.0; 3])),
        _ => (config.channels("image_mean")?, config.channels("image_std")?),
    };
    // Mean and standard deviation are of channels scaled by the factor; here, of channels scaled to [0, 1].
    let factor = config.positive("rescale_factor")?.unwrap_or(TO_ONE) / TO_ONE;
    (stated.mean, stated.std) = match (factor - 1.0).abs() < ROUNDING {
        true => (mean, std),
        false => {
            let rescaled = |values: [f32; 3]| values.map(|value| (f64::from(value) / factor) as f32);
            let (mean, std) = (mean.unwrap_or(usual.mean), std.unwrap_or(usual.std));
            (Some(rescaled(mean)), Some(rescaled(std)))
        }
    };
    Ok(stated)
}

/// Size and crop. `size` is a shorter side or a square, `crop_size` what is cut out.
fn resizing(config: &Object) -> Result<PartialPreprocess, BesideError> {
    let crop = config.boolean("do_center_crop")?;
    let cropped = match crop.unwrap_or(true) {
        true => square(config, "crop_size")?,
        false => None,
    };
    let part = config.positive("crop_pct")?;
    let size = config.as_object("size");
    let number = match size {
        // Older files have a number alone.
        None => config.side("size")?,
        Some(_) => None,
    };
    // A processor that knows no crop squeezes the picture to that number.
    let squeezes = number.is_some() && crop.is_none() && cropped.is_none() && part.is_none();
    let shortest = match &size {
        Some(size) => size.side("shortest_edge")?,
        None => number.filter(|_| !squeezes),
    };
    if let (Some(side), Some(part)) = (shortest, part) {
        return proportional(config, side, part);
    }
    let none = PartialPreprocess::default();
    let squeezed = |side| PartialPreprocess {
        size: Some(side),
        resize: Some(Resize::Square),
        ..none
    };
    match (shortest, size) {
        (Some(_), _) if crop == Some(false) => Err(config.wrong(
            "do_center_crop",
            "true, since the shorter side alone makes no square",
        )),
        (Some(shorter), _) => Ok(PartialPreprocess {
            size: cropped,
            resize: Some(Resize::Crop),
            shorter: Some(shorter),
            centre: Some(Centre::Down),
            ..none
        }),
        (None, Some(_)) => match square(config, "size")? {
            Some(side) if cropped.is_some_and(|cropped| cropped != side) => {
                Err(config.wrong("crop_size", &format!("{side} x {side}, as the resized square")))
            }
            Some(side) => Ok(squeezed(side)),
            None => Ok(none),
        },
        (None, None) => Ok(match number {
            Some(side) => squeezed(side),
            None => PartialPreprocess {
                size: cropped,
                ..none
            },
        }),
    }
}

/// Resizing by ConvNeXt's processor: below 384 pixels the centre is a part of the shorter side, above the picture is squeezed.
fn proportional(config: &Object, side: usize, part: f64) -> Result<PartialPreprocess, BesideError> {
    const SQUEEZED: usize = 384;
    if part > 1.0 {
        return Err(config.wrong("crop_pct", "a number above 0 and at most 1"));
    }
    let crops = side < SQUEEZED;
    Ok(PartialPreprocess {
        size: Some(side),
        resize: Some(if crops { Resize::Crop } else { Resize::Square }),
        shorter: crops.then(|| (side as f64 / part) as usize),
        centre: Some(Centre::Down),
        ..PartialPreprocess::default()
    })
}

/// The side of a square: a number, or a height and an equal width.
pub(super) fn square(config: &Object, name: &str) -> Result<Option<usize>, BesideError> {
    let Some(sides) = config.as_object(name) else {
        return config.side(name);
    };
    match (sides.side("height")?, sides.side("width")?) {
        (Some(height), Some(width)) if height == width => Ok(Some(height)),
        _ => Err(config.wrong(name, "an equal `height` and `width`")),
    }
}
