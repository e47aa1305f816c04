//! timm: `config.json`, with `pretrained_cfg` or in the older flat form, and the arguments of its training script.

pub(crate) mod arguments;

use std::path::Path;

use mbn_spec::{Interpolation, PartialPreprocess, Preprocess, Resize, Stride2Padding, shorter_for};

use super::fields::{BesideError, Object};
use super::{CONFIG, Described, note, transformers};

/// What the names of timm's variants of this network begin with.
const ARCHITECTURE: &str = "mobilenetv1";
/// What makes a row of features of the last values, at the top and among the arguments.
const POOL: &str = "global_pool";
/// How far the stages together shrink a picture.
const OUTPUT_STRIDE: f64 = 32.0;
/// Arguments that the tensors show, or that change nothing after training.
const WITHOUT_EFFECT: [&str; 17] = [
    "num_classes",
    "in_chans",
    "stem_size",
    "stem_kernel_size",
    "fix_stem_head",
    "head_conv",
    "num_features",
    "channel_multiplier",
    "depth_multiplier",
    "group_size",
    "bn_momentum",
    "drop_rate",
    "drop_path_rate",
    "pretrained_strict",
    "pretrained_cfg_overlay",
    "scriptable",
    "exportable",
];
/// The arguments that [`network`] reads.
const READ: [&str; 5] = ["act_layer", "bn_eps", "pad_type", POOL, "output_stride"];
/// The part of a side that the crop keeps, where `crop_pct` is missing.
const CROP_PCT: f64 = 0.875;
/// The field that describes the preprocessing.
const PRETRAINED: &str = "pretrained_cfg";
/// The field that names the classes, and that of the flat form.
const LABEL_NAMES: &str = "label_names";
const LABELS: &str = "labels";

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
    require_average(&config, POOL)?;
    // transformers writes it around timm's network, in the same file.
    described.meaning = transformers::meaning(&config)?;
    if let Some(args) = config.object("model_args")? {
        network(&args, &mut described)?;
    }
    if let Some(stated) = stated(&config, usual)? {
        let preprocess = stated.over(usual);
        let valid = preprocess.validate();
        valid.map_err(|error| BesideError::new(CONFIG, format!("cannot be followed: {error}")))?;
        described.preprocess = Some(preprocess);
        note(&mut described.preprocess_files, CONFIG);
    }
    described.classes = label_names(&config)?;
    if described.classes.is_some() {
        note(&mut described.class_files, CONFIG);
    }
    Ok(described)
}

/// Refuses features that are not averages of the last values, as `field` says.
fn require_average(object: &Object, field: &str) -> Result<(), BesideError> {
    match object.text(field)? {
        None | Some("avg" | "fast" | "fastavg") => Ok(()),
        Some(_) => Err(object.wrong(field, "`avg`: the network averages")),
    }
}

/// Arguments with which the network was made. One that is not known here may make another network of the same tensors, as
/// `aa_layer` does.
fn network(args: &Object, described: &mut Described) -> Result<(), BesideError> {
    require_average(args, POOL)?;
    if args
        .positive("output_stride")?
        .is_some_and(|stride| stride != OUTPUT_STRIDE)
    {
        return Err(args.wrong("output_stride", "32"));
    }
    let known = |name: &&str| READ.contains(name) || WITHOUT_EFFECT.contains(name);
    if let Some(name) = args.names().find(|name| !known(name)) {
        let expected = "no such argument, with which the same tensors may make another network";
        return Err(args.wrong(name, expected));
    }
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

/// The class names of a configuration of any network, and the field that has them.
pub(super) fn label_names(config: &Object) -> Result<Option<(&'static str, Vec<String>)>, BesideError> {
    let named = |field| move |names| (field, names);
    if let Some(names) = config.names_of_classes(LABEL_NAMES)? {
        return Ok(Some((LABEL_NAMES, names)));
    }
    match config.object(PRETRAINED)? {
        Some(pretrained) => Ok(pretrained.names_of_classes(LABEL_NAMES)?.map(named(LABEL_NAMES))),
        None if is_flat(config)? => Ok(config.names_of_classes(LABELS)?.map(named(LABELS))),
        None => Ok(None),
    }
}

/// The preprocessing in a configuration of any network; `None` if it has none.
pub(super) fn stated(config: &Object, usual: Preprocess) -> Result<Option<PartialPreprocess>, BesideError> {
    match config.object(PRETRAINED)? {
        Some(pretrained) => preprocessing(&pretrained, usual).map(Some),
        None if is_flat(config)? => preprocessing(config, usual).map(Some),
        None => Ok(None),
    }
}

/// Whether a configuration without `pretrained_cfg` has its fields at the top, as files on the Hub once had.
fn is_flat(config: &Object) -> Result<bool, BesideError> {
    Ok(config.text("architecture")?.is_some() && config.has("input_size"))
}

/// What the configuration says, and timm's own default where it says nothing, as `timm.data.resolve_data_config` takes it.
fn preprocessing(config: &Object, usual: Preprocess) -> Result<PartialPreprocess, BesideError> {
    let size = input_size(config)?.unwrap_or(usual.size);
    let shorter = shorter_for(size, crop_part(config)?.unwrap_or(CROP_PCT));
    let resize = crop_mode(config, size, shorter)?;
    let imagenet = Preprocess::default();
    Ok(PartialPreprocess {
        size: Some(size),
        resize: Some(resize),
        shorter: (resize == Resize::Crop).then_some(shorter),
        centre: None,
        interpolation: config
            .interpolation("interpolation")?
            .or(Some(Interpolation::Bicubic)),
        mean: config.channels_or_one("mean")?.or(Some(imagenet.mean)),
        std: config.channels_or_one("std")?.or(Some(imagenet.std)),
    })
}

/// The part of the shorter side that the crop keeps, in a configuration of any network that has a preprocessing.
pub(super) fn stated_crop_part(config: &Object) -> Result<Option<f64>, BesideError> {
    let part = |config: &Object| Ok(Some(crop_part(config)?.unwrap_or(CROP_PCT)));
    match config.object(PRETRAINED)? {
        Some(pretrained) => part(&pretrained),
        None if is_flat(config)? => part(config),
        None => Ok(None),
    }
}

/// What the configuration says of the larger size that timm tests with, where it is another than that of `input_size`: the size, and
/// the part of the shorter side that the crop keeps at it.
pub(super) fn stated_test(config: &Object) -> Result<Option<(usize, f64)>, BesideError> {
    let test = |config: &Object| {
        let usual = input_size(config)?;
        // One that is no square is for nobody here.
        let size = size(config, "test_input_size").ok().flatten();
        let Some(size) = size.filter(|size| Some(*size) != usual) else {
            return Ok(None);
        };
        let part = match part(config, "test_crop_pct")? {
            None => crop_part(config)?,
            part => part,
        };
        Ok(Some((size, part.unwrap_or(CROP_PCT))))
    };
    match config.object(PRETRAINED)? {
        Some(pretrained) => test(&pretrained),
        None if is_flat(config)? => test(config),
        None => Ok(None),
    }
}

/// The side of the square that the network takes.
fn input_size(config: &Object) -> Result<Option<usize>, BesideError> {
    size(config, "input_size")
}

fn size(config: &Object, field: &str) -> Result<Option<usize>, BesideError> {
    match config.whole_numbers(field)?.as_deref() {
        None => Ok(None),
        Some([1 | 3, height, width]) if height == width => {
            Ok(Some(usize::try_from(*height).unwrap_or(usize::MAX)))
        }
        Some(_) => Err(config.wrong(field, "[3, size, size], or 1 instead of 3 for grey")),
    }
}

/// The part of a side that the crop keeps.
fn crop_part(config: &Object) -> Result<Option<f64>, BesideError> {
    part(config, "crop_pct")
}

fn part(config: &Object, field: &str) -> Result<Option<f64>, BesideError> {
    match config.positive(field)? {
        Some(part) if part > 1.0 => Err(config.wrong(field, "a number above 0 and at most 1")),
        part => Ok(part),
    }
}

fn crop_mode(config: &Object, size: usize, shorter: usize) -> Result<Resize, BesideError> {
    match config.text("crop_mode")? {
        None | Some("center") => Ok(Resize::Crop),
        Some("squash") if shorter == size => Ok(Resize::Square),
        Some("squash") => Err(config.wrong("crop_mode", "`center`, or `crop_pct` 1")),
        Some(_) => Err(config.wrong("crop_mode", "`center`")),
    }
}
