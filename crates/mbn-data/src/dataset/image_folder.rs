//! Image folders: `CLASS/*`, and data sets of `train/CLASS/*` with `val/CLASS/*` or `test/CLASS/*`.

mod error;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;

pub use error::FolderError;

use super::splits::{Splits, folder_name};
use crate::decode::{DecodeError, check_file, decode_file};
use crate::image_source::ImageSource;
use crate::picture_files::{images_below, is_hidden};

/// The files of a data set, as messages describe them.
pub(super) const LAYOUT: &str = "`train/CLASS/*` with `val/CLASS/*` or `test/CLASS/*`";

/// Image files in one folder per class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    /// Class names: the names of the folders, sorted.
    pub class_names: Vec<String>,
    /// File and class of each image, sorted by class and file name.
    pub items: Vec<(PathBuf, u32)>,
    /// Number of files without an image extension.
    pub ignored: usize,
}

/// Opens `train/CLASS/*` with `val/CLASS/*`, or with `test/CLASS/*` if there is no `val`. Refuses a fold:
/// image folders have none.
pub(super) fn open(dir: &Path, fold: Option<usize>) -> Result<Splits, FolderError> {
    let splits = open_splits(dir)?;
    match fold {
        None => Ok(splits),
        Some(_) => Err(FolderError::NoFolds { path: dir.to_owned() }),
    }
}

fn open_splits(dir: &Path) -> Result<Splits, FolderError> {
    let folders = subfolders(dir)?;
    let part = |name: &str| {
        let found = folders
            .iter()
            .find(|path| path.file_name().is_some_and(|n| n == name));
        found.cloned()
    };
    let missing = |expected| FolderError::NoSplit {
        path: dir.to_owned(),
        expected,
        found: describe_folders(&folders),
    };
    let train_dir = part("train").ok_or_else(|| missing("`train`"))?;
    let test_dir = part("val")
        .or_else(|| part("test"))
        .ok_or_else(|| missing("`val` or `test`"))?;
    // Compare class names before listing the files, which may be many.
    let names_in = |dir: &Path| -> Result<BTreeSet<String>, FolderError> {
        Ok(class_folders(dir)?.into_iter().map(|(name, _)| name).collect())
    };
    let (train_names, test_names) = (names_in(&train_dir)?, names_in(&test_dir)?);
    if train_names != test_names {
        return Err(FolderError::ClassMismatch {
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

/// Opens a folder of `CLASS/*`. Images in subfolders of a class folder belong to that class.
///
/// # Errors
/// [`FolderError`] if there are no classes, a class has no images, or a folder cannot be read.
pub fn labelled_folder(dir: &Path) -> Result<ImageFolder, FolderError> {
    let mut folder = ImageFolder {
        class_names: Vec::new(),
        items: Vec::new(),
        ignored: 0,
    };
    for (label, (name, path)) in (0..).zip(class_folders(dir)?) {
        let found = images_below(&path);
        let images = found.images.into_iter().collect::<Result<Vec<_>, _>>();
        let images = images.map_err(|(path, source)| FolderError::Io { path, source })?;
        if images.is_empty() {
            let ignored = found.ignored;
            return Err(FolderError::NoImages { path, ignored });
        }
        folder.ignored += found.ignored;
        folder
            .items
            .extend(images.into_iter().map(|image| (image, label)));
        folder.class_names.push(name);
    }
    if folder.ignored > 0 {
        let (ignored, dir) = (folder.ignored, dir.display());
        log::warn!("`{dir}`: ignored {ignored} files without an image extension");
    }
    Ok(folder)
}

impl ImageSource for ImageFolder {
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

/// Name and folder of each class in a folder of `CLASS/*`, sorted by name.
///
/// # Errors
/// [`FolderError`] if there are no classes, the folder cannot be read, or a class name is not UTF-8.
pub fn class_folders(dir: &Path) -> Result<Vec<(String, PathBuf)>, FolderError> {
    let folders = subfolders(dir)?;
    if folders.is_empty() {
        return Err(FolderError::NoClasses {
            path: dir.to_owned(),
            found: describe_files(dir),
        });
    }
    let named = folders
        .into_iter()
        .map(|path| match path.file_name().and_then(|name| name.to_str()) {
            Some(name) => Ok((name.to_owned(), path)),
            None => Err(FolderError::ClassName { path }),
        });
    named.collect()
}

/// The visible folders in a folder, including links to folders, sorted.
fn subfolders(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let io_error = |source| FolderError::Io {
        path: dir.to_owned(),
        source,
    };
    if dir.is_file() {
        return Err(FolderError::NotAFolder { path: dir.to_owned() });
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

fn describe_folders(folders: &[PathBuf]) -> String {
    if folders.is_empty() {
        return "it has no folders".to_owned();
    }
    let name = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    format!(
        "it has {}",
        error::list(&folders.iter().map(name).collect::<Vec<_>>())
    )
}

fn describe_files(dir: &Path) -> String {
    let found = images_below(dir).images;
    match found.iter().filter(|image| image.is_ok()).count() {
        0 => "it has no images either".to_owned(),
        1 => "it has 1 image outside class folders".to_owned(),
        n => format!("it has {n} images outside class folders"),
    }
}

#[cfg(test)]
mod tests;
