//! What can be wrong with an image folder.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use mbn_spec::text::listed;

use crate::decode::FORMAT_NAMES;

/// How many names a message lists.
const LISTED: usize = 8;

/// An image folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A folder or a link cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Io {
        /// The folder or link.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The path is a file.
    #[error("data set `{}` is a file, expected a folder", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The folder of training or test images is missing.
    #[error("data set `{}` has no folder {expected}; {found}", path.display())]
    NoSplit {
        /// The data set.
        path: PathBuf,
        /// The missing folder.
        expected: &'static str,
        /// What the data set has instead.
        found: String,
    },
    /// There are no class folders.
    #[error("`{}` has no class folders, expected `CLASS/*`; {found}", path.display())]
    NoClasses {
        /// The folder.
        path: PathBuf,
        /// What the folder has instead.
        found: String,
    },
    /// A class has no images.
    #[error(
        "class folder `{}` has no images ({FORMAT_NAMES}){}; add some or remove the folder",
        path.display(),
        ignored_text(*ignored)
    )]
    NoImages {
        /// The class folder.
        path: PathBuf,
        /// Number of other files in it.
        ignored: usize,
    },
    /// A class folder's name is not UTF-8.
    #[error("class folder `{}` has a name that is not UTF-8; rename it", path.display())]
    ClassName {
        /// The class folder.
        path: PathBuf,
    },
    /// The caller asked for a fold, but an image folder has none.
    #[error("data set `{}` is an image folder and has no predefined folds; train without a fold", path.display())]
    NoFolds {
        /// The data set.
        path: PathBuf,
    },
    /// The training and test folders have different classes.
    #[error(
        "`{}` and `{}` have different classes{}; each class needs a folder of that name in both",
        train.display(),
        test.display(),
        differences(only_train, only_test)
    )]
    ClassMismatch {
        /// The training folder.
        train: PathBuf,
        /// The test folder.
        test: PathBuf,
        /// Classes in the training folder only.
        only_train: Vec<String>,
        /// Classes in the test folder only.
        only_test: Vec<String>,
    },
}

/// Names in backticks, shortened to the first few.
pub(super) fn list(names: &[String]) -> String {
    listed(names.iter().map(|name| format!("`{name}`")), LISTED)
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
        1 => ", only 1 other file".to_owned(),
        n => format!(", only {n} other files"),
    }
}
