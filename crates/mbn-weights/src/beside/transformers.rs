//! transformers: `config.json` describes the network, `preprocessor_config.json` the preprocessing.

use std::path::Path;

use mbn_spec::{Preprocess, Resize, Stride2Padding};

use super::fields::{BesideError, Object};
use super::{CONFIG, Described, PREPROCESSOR, note};

const MODEL_TYPE: &str = "mobilenet_v1";
/// The factor that scales bytes to `[0, 1]`.
const TO_ONE: f64 = 1.0 / 255.0;
/// Relative rounding of a factor that is written in decimals.
const ROUNDING: f64 = 1e-6;
/// Channels of the narrowest layer, the stem, for each quarter of the width multiplier.
const STEM_QUARTER: f64 = 32.0;

/// Reads both files of a folder. `usual` is the preprocessing of the published weights.
pub(crate) fn read(folder: &Path, usual: Preprocess) -> Result<Described, BesideError> {
    let mut described = Described::default();
    let mut preprocess = usual;
    if let Some(config) = Object::read(folder, CONFIG)? {
        let model = config.text("model_type")?;
        if let Some(other) = model.filter(|model| *model != MODEL_TYPE) {
            described.other_model = Some(other.to_owned());
            return Ok(described);
        }
        network(&config, &mut described)?;
        if let Some(size) = config.side("image_size")? {
            preprocess = preprocess.with_size(size);
            note(&mut described.preprocess_files, CONFIG);
        }
    }
    if let Some(config) = Object::read(folder, PREPROCESSOR)? {
        preprocess = preprocessing(&config, usual)?;
        described.preprocess_files = vec![PREPROCESSOR];
    }
    if let Some(file) = described.preprocess_files.last().copied() {
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
    let names = config.indexed_texts("id2label")?;
    // What the library writes for classes without names says nothing.
    let is_named = |names: &Vec<String>| {
        names
            .iter()
            .enumerate()
            .any(|(i, name)| *name != format!("LABEL_{i}"))
    };
    if let Some(names) = names.filter(is_named) {
        described.classes = Some(("id2label", names));
        note(&mut described.class_files, CONFIG);
    }
    Ok(())
}

fn preprocessing(config: &Object, usual: Preprocess) -> Result<Preprocess, BesideError> {
    for step in ["do_resize", "do_rescale"] {
        if config.boolean(step)? == Some(false) {
            return Err(config.wrong(step, "true"));
        }
    }
    let mut preprocess = resizing(config, usual)?;
    if let Some(interpolation) = config.resample("resample")? {
        preprocess.interpolation = interpolation;
    }
    let (mean, std) = match config.boolean("do_normalize")? {
        Some(false) => ([0.0; 3], [1.0; 3]),
        _ => (
            config.channels("image_mean")?.unwrap_or(usual.mean),
            config.channels("image_std")?.unwrap_or(usual.std),
        ),
    };
    // Mean and standard deviation are of channels scaled by the factor; here, of channels scaled to [0, 1].
    let factor = config.positive("rescale_factor")?.unwrap_or(TO_ONE) / TO_ONE;
    let factor = if (factor - 1.0).abs() < ROUNDING {
        1.0
    } else {
        factor
    };
    let rescaled = |values: [f32; 3]| values.map(|value| (f64::from(value) / factor) as f32);
    (preprocess.mean, preprocess.std) = (rescaled(mean), rescaled(std));
    Ok(preprocess)
}

/// Size and crop. `size` is a shorter side or a square, `crop_size` what is cut out.
fn resizing(config: &Object, usual: Preprocess) -> Result<Preprocess, BesideError> {
    let crops = config.boolean("do_center_crop")?.unwrap_or(true);
    let cropped = match crops {
        true => square(config, "crop_size")?,
        false => None,
    };
    let size = config.as_object("size");
    let shortest = match &size {
        Some(size) => size.side("shortest_edge")?,
        // Older files have the shorter side alone.
        None => config.side("size")?,
    };
    match (shortest, size) {
        (Some(shorter), _) => match (crops, cropped) {
            (false, _) => Err(config.wrong(
                "do_center_crop",
                "true, since the shorter side alone makes no square",
            )),
            (true, cropped) => {
                let resized = Preprocess {
                    resize: Resize::Crop,
                    ..usual
                };
                let size = cropped.unwrap_or(usual.size);
                Ok(resized.with_size(size).with_shorter(shorter))
            }
        },
        (None, Some(_)) => {
            let side = square(config, "size")?.unwrap_or(usual.size);
            if cropped.is_some_and(|cropped| cropped != side) {
                return Err(config.wrong("crop_size", &format!("{side} x {side}, as the resized square")));
            }
            Ok(Preprocess {
                resize: Resize::Square,
                shorter: None,
                size: side,
                ..usual
            })
        }
        (None, None) => Ok(cropped.map_or(usual, |size| usual.with_size(size))),
    }
}

/// The side of a square: a number, or a height and an equal width.
fn square(config: &Object, name: &str) -> Result<Option<usize>, BesideError> {
    let Some(sides) = config.as_object(name) else {
        return config.side(name);
    };
    match (sides.side("height")?, sides.side("width")?) {
        (Some(height), Some(width)) if height == width => Ok(Some(height)),
        _ => Err(config.wrong(name, "an equal `height` and `width`")),
    }
}
