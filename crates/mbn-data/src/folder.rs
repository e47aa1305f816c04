//! Image folders: `CLASS/*`, and data sets of `train/CLASS/*` with `val/CLASS/*` or `test/CLASS/*`.

mod error;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;

pub use error::DataError;
use error::{describe_files, describe_folders};

use crate::dataset::Splits;
use crate::decode::{DecodeError, check_file, decode_file};
use crate::files::{images_below, is_hidden};
use crate::source::Source;

/// Picture files in one folder for each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    /// Names of the classes: the folders' names, sorted.
    pub class_names: Vec<String>,
    /// Each picture's file and class, sorted by class and file name.
    pub items: Vec<(PathBuf, u32)>,
    /// Number of files that do not have the extension of a picture.
    pub ignored: usize,
}

/// Opens `train/CLASS/*`, and `val/CLASS/*` or, where that is not there, `test/CLASS/*`.
pub(crate) fn open_parts(dir: &Path) -> Result<Splits, DataError> {
    let folders = subfolders(dir)?;
    let part = |name: &str| {
        let found = folders
            .iter()
            .find(|path| path.file_name().is_some_and(|n| n == name));
        found.cloned()
    };
    let missing = |expected| DataError::NoSplit {
        path: dir.to_owned(),
        expected,
        found: describe_folders(&folders),
    };
    let train_dir = part("train").ok_or_else(|| missing("`train`"))?;
    let test_dir = part("val")
        .or_else(|| part("test"))
        .ok_or_else(|| missing("`val` or `test`"))?;
    // Class names first: a mismatch is seen at once, however many files there are.
    let names_in = |dir: &Path| -> Result<BTreeSet<String>, DataError> {
        Ok(class_folders(dir)?.into_iter().map(|(name, _)| name).collect())
    };
    let (train_names, test_names) = (names_in(&train_dir)?, names_in(&test_dir)?);
    if train_names != test_names {
        return Err(DataError::ClassMismatch {
            only_train: train_names.difference(&test_names).cloned().collect(),
            only_test: test_names.difference(&train_names).cloned().collect(),
            train: train_dir,
            test: test_dir,
        });
    }
    let train = labelled_folder(&train_dir)?;
    let test = labelled_folder(&test_dir)?;
    Ok(Splits {
        name: folder_name(dir),
        class_names: train.class_names.clone(),
        train: Arc::new(train),
        test: Arc::new(test),
    })
}

/// Opens a folder of `CLASS/*`; pictures may lie deeper in a class's folder.
///
/// # Errors
/// [`DataError`] if there are no classes, a class has no pictures, or a folder cannot be read.
pub fn labelled_folder(dir: &Path) -> Result<ImageFolder, DataError> {
    let mut folder = ImageFolder {
        class_names: Vec::new(),
        items: Vec::new(),
        ignored: 0,
    };
    for (label, (name, path)) in (0..).zip(class_folders(dir)?) {
        let found = images_below(&path);
        let images = found.images.into_iter().collect::<Result<Vec<_>, _>>();
        let images = images.map_err(|(path, source)| DataError::Io { path, source })?;
        if images.is_empty() {
            let ignored = found.ignored;
            return Err(DataError::NoImages { path, ignored });
        }
        folder.ignored += found.ignored;
        folder
            .items
            .extend(images.into_iter().map(|image| (image, label)));
        folder.class_names.push(name);
    }
    if folder.ignored > 0 {
        let (ignored, dir) = (folder.ignored, dir.display());
        log::warn!("`{dir}`: {ignored} files are ignored, their names are not those of images");
    }
    Ok(folder)
}

impl Source for ImageFolder {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn label(&self, index: usize) -> u32 {
        self.items[index].1
    }

    fn path(&self, index: usize) -> &Path {
        &self.items[index].0
    }

    fn load(&self, index: usize) -> Result<Arc<RgbImage>, DecodeError> {
        decode_file(&self.items[index].0).map(Arc::new)
    }

    fn check(&self, index: usize) -> Result<(), DecodeError> {
        check_file(&self.items[index].0)
    }
}

/// Names and folders of the classes in a folder of `CLASS/*`, sorted by name.
///
/// # Errors
/// [`DataError`] if there are no classes, the folder cannot be read, or a class's name is not UTF-8.
pub fn class_folders(dir: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let folders = subfolders(dir)?;
    if folders.is_empty() {
        return Err(DataError::NoClasses {
            path: dir.to_owned(),
            found: describe_files(dir),
        });
    }
    let named = folders
        .into_iter()
        .map(|path| match path.file_name().and_then(|name| name.to_str()) {
            Some(name) => Ok((name.to_owned(), path)),
            None => Err(DataError::ClassName { path }),
        });
    named.collect()
}

/// The visible folders in a folder, links to folders among them, sorted.
fn subfolders(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let io_error = |source| DataError::Io {
        path: dir.to_owned(),
        source,
    };
    if dir.is_file() {
        return Err(DataError::NotAFolder { path: dir.to_owned() });
    }
    let mut folders = Vec::new();
    for entry in dir.read_dir().map_err(io_error)? {
        let entry = entry.map_err(io_error)?;
        if !is_hidden(&entry.file_name()) && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

pub(crate) fn folder_name(dir: &Path) -> String {
    let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = absolute.file_name().unwrap_or(absolute.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
