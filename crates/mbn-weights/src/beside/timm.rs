//! timm: `config.json` with `pretrained_cfg`.

use std::path::Path;

use mbn_spec::{Preprocess, Resize, Stride2Padding};

use super::fields::{BesideError, Object};
use super::{CONFIG, Described, note};

/// What the names of timm's variants of this network begin with.
const ARCHITECTURE: &str = "mobilenetv1";

/// Reads the file of a folder. `usual` is the preprocessing of the published weights.
pub(crate) fn read(folder: &Path, usual: Preprocess) -> Result<Described, BesideError> {
    let mut described = Described::default();
    let Some(config) = Object::read(folder, CONFIG)? else {
        return Ok(described);
    };
    let model = config.text("architecture")?.or(config.text("model_type")?);
    if let Some(other) = model.filter(|model| !model.starts_with(ARCHITECTURE) && *model != "timm_wrapper") {
        described.other_model = Some(other.to_owned());
        return Ok(described);
    }
    if let Some(args) = config.object("model_args")? {
        network(&args, &mut described)?;
    }
    if let Some(pretrained) = config.object("pretrained_cfg")? {
        let preprocess = preprocessing(&pretrained, usual)?;
        let valid = preprocess.validate();
        valid.map_err(|error| BesideError::new(CONFIG, format!("cannot be followed: {error}")))?;
        described.preprocess = Some(preprocess);
        note(&mut described.preprocess_files, CONFIG);
        described.classes = pretrained
            .texts("label_names")?
            .map(|names| ("label_names", names));
    }
    if let Some(names) = config.texts("label_names")? {
        described.classes = Some(("label_names", names));
    }
    if described.classes.is_some() {
        note(&mut described.class_files, CONFIG);
    }
    Ok(described)
}

/// Arguments with which the network was made.
fn network(args: &Object, described: &mut Described) -> Result<(), BesideError> {
    described.activation = args.activation("act_layer")?;
    described.epsilon = args.positive("bn_eps")?;
    described.padding = match args.text("pad_type")? {
        None => None,
        Some("") => Some(Stride2Padding::Symmetric),
        Some("same") => Some(Stride2Padding::Same),
        Some(_) => return Err(args.wrong("pad_type", "`same` or an empty string")),
    };
    if described.activation.is_some() || described.epsilon.is_some() || described.padding.is_some() {
        note(&mut described.variant_files, CONFIG);
    }
    Ok(())
}

fn preprocessing(config: &Object, usual: Preprocess) -> Result<Preprocess, BesideError> {
    let size = match config.whole_numbers("input_size")?.as_deref() {
        None => usual.size,
        Some([3, height, width]) if height == width => usize::try_from(*height).unwrap_or(usize::MAX),
        Some(_) => return Err(config.wrong("input_size", "[3, size, size]")),
    };
    let part = config
        .positive("crop_pct")?
        .unwrap_or(size as f64 / usual.with_size(size).shorter_side() as f64);
    if part > 1.0 {
        return Err(config.wrong("crop_pct", "a number above 0 and at most 1"));
    }
    // As timm computes it.
    let shorter = (size as f64 / part).floor() as usize;
    let resize = match config.text("crop_mode")? {
        None | Some("center") => Resize::Crop,
        Some("squash") if shorter == size => Resize::Square,
        Some("squash") => return Err(config.wrong("crop_mode", "`center`, or `crop_pct` 1")),
        Some(_) => return Err(config.wrong("crop_mode", "`center`")),
    };
    let preprocess = Preprocess {
        size,
        resize,
        shorter: None,
        interpolation: config
            .interpolation("interpolation")?
            .unwrap_or(usual.interpolation),
        mean: config.channels("mean")?.unwrap_or(usual.mean),
        std: config.channels("std")?.unwrap_or(usual.std),
    };
    Ok(match resize {
        Resize::Crop => preprocess.with_shorter(shorter),
        Resize::Square => preprocess,
    })
}
