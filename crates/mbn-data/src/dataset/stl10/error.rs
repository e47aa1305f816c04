//! What can be wrong with STL-10's binary files.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::{FOLDS, PICTURE};

/// A file of the data set that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("STL-10 file `{}` cannot be used", path.display())]
pub struct Stl10Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub kind: Stl10ErrorKind,
}

/// What is wrong with a file of the data set.
#[derive(Debug, thiserror::Error)]
pub enum Stl10ErrorKind {
    /// The file is missing.
    #[error(
        "it is missing; move the folder away and get the data set again, or copy the file from `stl10_binary.tar.gz`"
    )]
    Missing,
    /// The file cannot be read.
    #[error(transparent)]
    Io(io::Error),
    /// The number of images differs from the number of labels.
    #[error(
        "it has {bytes} bytes, but the {labels} labels in `{}` need {PICTURE} bytes each; {}",
        label_path.display(),
        match *labels {
            0 => "expected at least one label".to_owned(),
            labels => format!("expected {} bytes; one of the files is damaged: move the folder away and get the data set again", u128::from(labels) * PICTURE as u128),
        }
    )]
    Size {
        /// Size of the file.
        bytes: u64,
        /// Number of labels.
        labels: u64,
        /// The file with the labels.
        label_path: PathBuf,
    },
    /// A label is out of range.
    #[error(
        "label {index} (from 0) is {label}, expected 1 to {classes}, the number of names in `class_names.txt`; the files do not belong together or one is damaged: move the folder away and get the data set again"
    )]
    Label {
        /// Position of the label.
        index: usize,
        /// The label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// A class has a name but no image.
    #[error(
        "`class_names.txt` has {classes} names, but no image has label {label}: correct the names, or move the folder away and get the data set again"
    )]
    UnusedClass {
        /// The label that does not occur.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A line does not hold a new class name.
    #[error("line {line} {problem}; expected one class name per line, all different")]
    ClassName {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There are too few or too many class names.
    #[error("it has {count} class names, expected 2 to 255, one per line")]
    ClassCount {
        /// Number of names.
        count: usize,
    },
    /// A text file is too large.
    #[error("it has {bytes} bytes or more, expected at most {limit}; get the data set again")]
    TooLarge {
        /// Bytes found.
        bytes: u64,
        /// The most that are read.
        limit: u64,
    },
    /// The file is not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The data set has no such fold.
    #[error("there is no fold {fold}: it has {folds} folds{}", match *folds {
        0 => String::new(),
        folds => format!(", 0 to {}", folds - 1),
    })]
    NoFold {
        /// The fold that was asked for.
        fold: usize,
        /// Number of folds.
        folds: usize,
    },
    /// The line of a fold does not hold indices.
    #[error(
        "fold {fold} (line {}) {problem}; each line of `{FOLDS}` must hold the indices of one fold's images, 0 to {}",
        fold + 1,
        pictures - 1
    )]
    Fold {
        /// The fold, from 0.
        fold: usize,
        /// What is wrong with it.
        problem: String,
        /// Number of training images, at least one.
        pictures: usize,
    },
}

impl Stl10Error {
    pub(super) fn reading(path: &Path, error: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            kind: match error.kind() {
                io::ErrorKind::NotFound => Stl10ErrorKind::Missing,
                _ => Stl10ErrorKind::Io(error),
            },
        }
    }
}
