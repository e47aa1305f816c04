//! Data sets for training, whose kind is recognised.

use std::path::Path;
use std::sync::Arc;

use crate::folder::{DataError, open_parts};
use crate::source::Source;
use crate::stl10;

/// A data set in its two parts, with the same classes.
pub struct Splits {
    /// The folder's name.
    pub name: String,
    /// Names of the classes, in the order of the labels.
    pub class_names: Vec<String>,
    /// What is trained on.
    pub train: Arc<dyn Source>,
    /// What accuracy is measured on: `val`, else `test`.
    pub test: Arc<dyn Source>,
}

/// Whether `dir` itself, not a folder in it, holds STL-10's binary files, at least one of them.
pub fn is_stl10(dir: &Path) -> bool {
    stl10::is_there(dir)
}

/// Opens a data set: STL-10's binary files in `dir`; else `train/CLASS/*`, and `val/CLASS/*` or, where that is not
/// there, `test/CLASS/*`; else STL-10's binary files in `dir/stl10_binary`.
///
/// # Errors
/// [`DataError`] for a part that is missing, a class without pictures or in one part only, binary files that
/// contradict each other, or what cannot be read. Picture files themselves are not opened.
pub fn open(dir: &Path) -> Result<Splits, DataError> {
    open_fold(dir, None)
}

/// As [`open`], training on one of STL-10's pre-defined folds of the training set, counted from 0.
///
/// # Errors
/// Those of [`open`]; and if the data set has no such fold, or `fold_indices.txt` is malformed.
pub fn open_fold(dir: &Path, fold: Option<usize>) -> Result<Splits, DataError> {
    if stl10::is_there(dir) {
        return Ok(stl10::open_parts(dir, fold)?);
    }
    let inner = dir.join(stl10::FOLDER);
    if !dir.join("train").is_dir() && stl10::is_there(&inner) {
        return Ok(stl10::open_parts(&inner, fold)?);
    }
    let splits = open_parts(dir)?;
    match fold {
        None => Ok(splits),
        Some(_) => Err(DataError::NoFolds { path: dir.to_owned() }),
    }
}
