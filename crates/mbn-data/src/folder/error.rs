//! What can be wrong with a data set, with what was found in its place.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::images_below;
use crate::stl10::Stl10Error;

/// How many names a message lists.
const LISTED: usize = 8;

/// A data set that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A folder or a link cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Io {
        /// The folder or link.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is no folder.
    #[error("data set `{}` is a file, expected a folder", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// A part of the data set is not there.
    #[error(
        "data set `{}` has no folder {expected}, expected `train/CLASS/*` with `val/CLASS/*` or `test/CLASS/*`, or STL-10's binary files; {found}",
        path.display()
    )]
    NoSplit {
        /// The data set.
        path: PathBuf,
        /// The missing folder.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// There are no folders of classes.
    #[error("`{}` has no folders of classes, expected `CLASS/*`; {found}", path.display())]
    NoClasses {
        /// The folder.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// A class has no pictures.
    #[error(
        "class folder `{}` has no images (PNG, JPEG, WebP, BMP or GIF){}; add some or remove the folder",
        path.display(),
        ignored_text(*ignored)
    )]
    NoImages {
        /// The class's folder.
        path: PathBuf,
        /// Number of other files in it.
        ignored: usize,
    },
    /// A folder's name is no text.
    #[error("class folder `{}` has a name that is not UTF-8; rename it", path.display())]
    ClassName {
        /// The class's folder.
        path: PathBuf,
    },
    /// A fold was asked for where there are none.
    #[error("data set `{}` is an image folder, which has no pre-defined folds; train without a fold", path.display())]
    NoFolds {
        /// The data set.
        path: PathBuf,
    },
    /// STL-10's binary files cannot be used.
    #[error(transparent)]
    Stl10(#[from] Stl10Error),
    /// The two parts have different classes.
    #[error(
        "`{}` and `{}` have different classes{}; each class needs a folder of that name in both",
        train.display(),
        test.display(),
        differences(only_train, only_test)
    )]
    ClassMismatch {
        /// The folder that is trained on.
        train: PathBuf,
        /// The folder that is measured on.
        test: PathBuf,
        /// Classes of the first alone.
        only_train: Vec<String>,
        /// Classes of the second alone.
        only_test: Vec<String>,
    },
}

pub(super) fn describe_folders(folders: &[PathBuf]) -> String {
    if folders.is_empty() {
        return "it has no folders".to_owned();
    }
    let names = folders.iter().map(|path| folder_name_of(path));
    format!("it has {}", list(&names.collect::<Vec<_>>()))
}

fn folder_name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

pub(super) fn describe_files(dir: &Path) -> String {
    let images = images_below(dir)
        .images
        .iter()
        .filter(|image| image.is_ok())
        .count();
    match images {
        0 => "it is empty of images".to_owned(),
        n => format!("it has {n} images that are in no class folder"),
    }
}

fn list(names: &[String]) -> String {
    let mut text = String::new();
    for (i, name) in names.iter().take(LISTED).enumerate() {
        let separator = if i == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}`{name}`");
    }
    if names.len() > LISTED {
        let _ = write!(text, " and {} more", names.len() - LISTED);
    }
    text
}

fn differences(only_train: &[String], only_test: &[String]) -> String {
    let mut text = String::new();
    for (names, part) in [(only_train, "first"), (only_test, "second")] {
        if !names.is_empty() {
            let _ = write!(text, "; only in the {part}: {}", list(names));
        }
    }
    text
}

fn ignored_text(ignored: usize) -> String {
    match ignored {
        0 => String::new(),
        n => format!(", only {n} other files"),
    }
}
