//! What can be wrong with STL-10's binary files.

use std::io;
use std::path::{Path, PathBuf};

use super::{FOLDS, PICTURE};

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
    /// It is not there.
    #[error(
        "it is missing; move the folder away and get the data set again, or copy the file from `stl10_binary.tar.gz`"
    )]
    Missing,
    /// It cannot be read.
    #[error(transparent)]
    Io(io::Error),
    /// It does not hold as many pictures as there are labels.
    #[error(
        "it has {bytes} bytes, which is not {PICTURE} for each of the {labels} labels in `{}`; {}",
        label_path.display(),
        match *labels {
            0 => "without labels there is nothing to learn".to_owned(),
            labels => format!("expected {} bytes, so one of the files is damaged: move the folder away and get the data set again", labels * PICTURE),
        }
    )]
    Size {
        /// Its size.
        bytes: u64,
        /// Number of labels.
        labels: usize,
        /// The file with the labels.
        label_path: PathBuf,
    },
    /// A label stands for no class.
    #[error(
        "label {index} (from 0) is {label}, expected 1 to {classes}, the number of names in `class_names.txt`; the files do not belong together, or one is damaged: move the folder away and get the data set again"
    )]
    Label {
        /// Its place.
        index: usize,
        /// The label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// A class has a name but no picture.
    #[error(
        "`class_names.txt` has {classes} names, but no picture has label {label}; the names do not match the labels: correct the names, or move the folder away and get the data set again"
    )]
    UnusedClass {
        /// The label that none has.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The names are not a name a line.
    #[error("line {line} {problem}; expected one class name on each line, each another")]
    ClassName {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There are no names.
    #[error("it holds {count} class names, expected 2 to 255, one on each line")]
    ClassCount {
        /// Number of names.
        count: usize,
    },
    /// It is no text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// There is no such fold.
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
    /// A fold is not a line of indices.
    #[error(
        "fold {fold} (line {}) {problem}; expected `{FOLDS}` to have on each line the indices of a fold's pictures, 0 to {}",
        fold + 1,
        pictures - 1
    )]
    Fold {
        /// The fold, from 0.
        fold: usize,
        /// What is wrong with it.
        problem: String,
        /// Number of training pictures, at least one.
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
