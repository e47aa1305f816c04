//! What can be wrong with an image folder.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use mbn_spec::class_names::unknown;
use mbn_spec::text::listed;

use crate::decode::format_names;
use crate::picture_files::{LeftOut, is_broken_link};

/// How many names a message lists.
const LISTED: usize = 8;

/// Extensions of archives in which data sets come.
const ARCHIVES: [&str; 10] = ["tar", "tgz", "tbz2", "txz", "gz", "bz2", "xz", "zst", "zip", "7z"];

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
    /// A link leads to what is not there, or cannot be reached.
    #[error(
        "`{}` is a link to `{}`, which cannot be read ({reason}); put that back, or remove the link",
        path.display(),
        target.display()
    )]
    BrokenLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
        /// Why that cannot be read.
        reason: io::Error,
    },
    /// A file has the name of the folder of training or test images.
    #[error("`{}` is a file, expected a folder of `CLASS/*`; rename the file", path.display())]
    PartIsFile {
        /// The file.
        path: PathBuf,
    },
    /// The path is a file.
    #[error("data set `{}` is {}, expected a folder{}", path.display(), kind_of(path), what_to_do(path))]
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
        "class folder `{}` has no images ({}){}; add some or remove the folder",
        path.display(),
        format_names(),
        left_out.instead()
    )]
    NoImages {
        /// The class folder.
        path: PathBuf,
        /// What is in it instead.
        left_out: LeftOut,
    },
    /// One class's folder is or lies in another's, through links.
    #[error(
        "class folders `{one}` and `{other}` in `{}` hold the same images, which would have two labels; remove the link",
        path.display()
    )]
    SharedFolder {
        /// The folder of the class folders.
        path: PathBuf,
        /// A class.
        one: String,
        /// The other class.
        other: String,
    },
    /// Two folders have names of the same part of a data set.
    #[error("data set `{}` has both `{one}` and `{other}`, expected one of them; rename the other", path.display())]
    TwoParts {
        /// The data set.
        path: PathBuf,
        /// A folder.
        one: String,
        /// The other folder.
        other: String,
    },
    /// The folders are data sets, not classes.
    #[error(
        "`{}` holds data sets rather than classes: `{}` has training and test images of its own; give that folder",
        path.display(),
        inner.display()
    )]
    SetWithin {
        /// The folder.
        path: PathBuf,
        /// A data set in it.
        inner: PathBuf,
    },
    /// Test images were to be held out of training, but the data set has some.
    #[error(
        "data set `{}` has test images of its own in `{}`, so none are held out of training",
        path.display(),
        test.display()
    )]
    OwnTestImages {
        /// The data set.
        path: PathBuf,
        /// Its test images.
        test: PathBuf,
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
    /// The test folder has classes that the training folder lacks.
    #[error(
        "`{train}` and `{test}` have different classes{}; each class needs a folder of that name in the first; if the classes of \
         the images in `{test}` are not known, move it out of the data set, and a part of the others is held out to test on",
        differences(only_train, only_test),
        train = train.display(),
        test = test.display()
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

impl FolderError {
    /// The error for a folder or a link that cannot be read.
    pub(super) fn unread(path: PathBuf, reason: io::Error) -> Self {
        match path.read_link() {
            Ok(target) if is_broken_link(&path) => Self::BrokenLink { path, target, reason },
            _ => Self::Io { path, source: reason },
        }
    }
}

/// Whether the name is that of an archive.
pub(super) fn is_archive(path: &Path) -> bool {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| ARCHIVES.contains(&extension.as_str()))
}

fn kind_of(path: &Path) -> &'static str {
    if is_archive(path) { "an archive" } else { "a file" }
}

fn what_to_do(path: &Path) -> &'static str {
    match is_archive(path) {
        true => "; unpack it, and give the folder that it becomes",
        false => "",
    }
}

/// Names in backticks, shortened to the first few.
pub(super) fn list(names: &[String]) -> String {
    listed(names.iter().map(|name| format!("`{name}`")), LISTED)
}

fn differences(only_train: &[String], only_test: &[String]) -> String {
    let mut text = String::new();
    if !only_train.is_empty() {
        let _ = write!(text, "; only in the first: {}", list(only_train));
    }
    if !only_test.is_empty() {
        // Those that are only counted are compared with no class: there may be thousands of both.
        let (first, others) = only_test.split_at(only_test.len().min(LISTED));
        let first = first.iter().map(|name| unknown(name, only_train));
        let names = listed(first.chain(others.iter().cloned()), LISTED);
        let _ = write!(text, "; only in the second: {names}");
    }
    text
}
