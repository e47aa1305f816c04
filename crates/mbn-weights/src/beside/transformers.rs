//! transformers: `config.json` describes the network, `preprocessor_config.json` the preprocessing.

pub(super) mod preprocessor;
mod processor;

use std::path::Path;

use mbn_spec::{MULTI_LABEL, PartialPreprocess, Preprocess, Stride2Padding};

use super::fields::{BesideError, Object};
use super::{CONFIG, Described, Meaning, PREPROCESSOR, PROCESSOR, note};

const MODEL_TYPE: &str = "mobilenet_v1";
/// The field that names the classes.
const ID2LABEL: &str = "id2label";
/// The field that says what the values mean.
const PROBLEM: &str = "problem_type";
/// Value of the `problem_type` of a network whose values are measures of something, and no classes'.
pub const REGRESSION: &str = "regression";
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
        if let Some(size) = config.square("image_size")? {
            stated.size = Some(size);
            note(&mut described.preprocess_files, CONFIG);
        }
    }
    if let Some((config, file)) = preprocessor(folder)? {
        let read = preprocessor::read(&config, Some(MODEL_TYPE), usual)?;
        stated = read.preprocess;
        described.unknown_processor = read.unknown_type;
        described.preprocess_files = vec![file];
    }
    if let Some(file) = described.preprocess_files.last().copied() {
        let preprocess = stated.over(usual);
        let valid = preprocess.validate();
        valid.map_err(|error| BesideError::new(file, format!("cannot be followed: {error}")))?;
        described.preprocess = Some(preprocess);
    }
    Ok(described)
}

/// The configuration of the preprocessing in a folder and the file that has it, in the order in which transformers looks for it.
pub(super) fn preprocessor(folder: &Path) -> Result<Option<(Object, &'static str)>, BesideError> {
    /// One of these is in every configuration of a processor of pictures.
    const FIELDS: [&str; 4] = [
        "image_processor_type",
        "feature_extractor_type",
        "size",
        "image_mean",
    ];
    let whole = Object::read(folder, PROCESSOR)?;
    if let Some(whole) = &whole
        && let Some(section) = whole.object("image_processor")?
    {
        return Ok(Some((section, PROCESSOR)));
    }
    if let Some(config) = Object::read(folder, PREPROCESSOR)? {
        return Ok(Some((config, PREPROCESSOR)));
    }
    let whole = whole.filter(|whole| FIELDS.iter().any(|field| whole.has(field)));
    Ok(whole.map(|whole| (whole, PROCESSOR)))
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
    described.meaning = meaning(config)?;
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

/// What the values mean, in a configuration of any network.
pub(super) fn meaning(config: &Object) -> Result<Meaning, BesideError> {
    Ok(match config.text(PROBLEM)? {
        Some(MULTI_LABEL) => Meaning::MultiLabel,
        Some(REGRESSION) => Meaning::Regression,
        _ => Meaning::Classes,
    })
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
