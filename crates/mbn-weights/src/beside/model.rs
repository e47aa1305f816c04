//! What stands beside a model of any network that was exported from a library: the same files as beside its weights.

use std::path::Path;

use mbn_spec::{PartialPreprocess, Preprocess, SMALLEST_OF_ANY};

use super::fields::{BesideError, Object};
use super::transformers::preprocessor;
use super::{CONFIG, Meaning, timm, transformers};

pub use super::transformers::REGRESSION;
pub use super::transformers::preprocessor::StatedPreprocess;

/// What the files beside a model say about it, and which of them says it.
#[derive(Clone, Debug, PartialEq)]
pub struct FromFile<T> {
    /// What it says.
    pub value: T,
    /// The file's name.
    pub file: &'static str,
}

/// The preprocessing that the files of `folder` describe. `usual` is taken for what they leave to their library. It may have no part
/// but the type of processor, if that is unknown and what stands beside it is too.
///
/// # Errors
/// [`BesideError`] if one of them cannot be used.
pub fn model_preprocess(
    folder: &Path,
    usual: Preprocess,
) -> Result<Option<FromFile<StatedPreprocess>>, BesideError> {
    let found = stated(folder, usual)?.filter(|found| !found.value.is_empty());
    if let Some(FromFile { value, file }) = &found {
        let valid = value.preprocess.over(usual).validate_from(SMALLEST_OF_ANY);
        valid.map_err(|error| BesideError::new(file, format!("cannot be followed: {error}")))?;
    }
    Ok(found)
}

fn stated(folder: &Path, usual: Preprocess) -> Result<Option<FromFile<StatedPreprocess>>, BesideError> {
    let config = Object::read(folder, CONFIG)?;
    if let Some(config) = &config
        && let Some(value) = timm::stated(config, usual)?
    {
        let value = StatedPreprocess {
            crop_part: timm::stated_crop_part(config)?,
            test: timm::stated_test(config)?,
            ..value.into()
        };
        return Ok(Some(FromFile { value, file: CONFIG }));
    }
    if let Some((preprocessor, file)) = transformers::preprocessor(folder)? {
        let model = config.as_ref().map(|config| config.text("model_type"));
        let model = model.transpose()?.flatten();
        return Ok(Some(FromFile {
            value: preprocessor::read(&preprocessor, model, usual)?,
            file,
        }));
    }
    let Some(config) = config else {
        return Ok(None);
    };
    let size = config.square("image_size")?;
    let value = PartialPreprocess {
        size,
        ..PartialPreprocess::default()
    };
    let value = value.into();
    Ok(Some(FromFile { value, file: CONFIG }))
}

/// The class names in the configuration of `folder`.
///
/// # Errors
/// [`BesideError`] if it cannot be used.
pub fn model_classes(folder: &Path) -> Result<Option<FromFile<Vec<String>>>, BesideError> {
    let Some(config) = Object::read(folder, CONFIG)? else {
        return Ok(None);
    };
    let names = match timm::label_names(&config)? {
        Some((_, names)) => Some(names),
        None => transformers::class_names(&config)?,
    };
    Ok(names.map(|value| FromFile { value, file: CONFIG }))
}

/// Whether the configuration of `folder` says that several classes may be right at once.
///
/// # Errors
/// [`BesideError`] if it cannot be used.
pub fn is_multi_label(folder: &Path) -> Result<bool, BesideError> {
    Ok(meaning(folder)? == Meaning::MultiLabel)
}

/// Whether the configuration of `folder` says that the values are measures of something, and no classes'.
///
/// # Errors
/// [`BesideError`] if it cannot be used.
pub fn is_regression(folder: &Path) -> Result<bool, BesideError> {
    Ok(meaning(folder)? == Meaning::Regression)
}

fn meaning(folder: &Path) -> Result<Meaning, BesideError> {
    let config = Object::read(folder, CONFIG)?;
    config.map_or(Ok(Meaning::Classes), |config| transformers::meaning(&config))
}
