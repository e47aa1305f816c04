//! Opens a data set of any kind. To add a kind, write its file below and register it here: its module, its variant of
//! [`DataError`] and its entry in [`KINDS`].

mod folder_warning;
mod hold_out;
mod image_folder;
mod splits;
mod stl10;

use std::path::{Path, PathBuf};

pub use folder_warning::FolderWarning;
pub use hold_out::{HoldOut, Share};
pub use image_folder::{
    ClassFolders, FolderError, ImageFolder, class_folders, labelled_folder, part_to_test_on,
};
pub use splits::{OpenOptions, Splits};
pub use stl10::{Stl10, Stl10Error, Stl10ErrorKind};

/// One kind of data set.
struct Kind {
    /// Its files, as messages describe them.
    layout: &'static str,
    /// The folder that holds its files, if `dir` is a data set of this kind.
    find: fn(dir: &Path) -> Option<PathBuf>,
    /// Opens the folder found; the number selects a predefined fold of the training images, counted from 0.
    open: fn(dir: &Path, fold: Option<usize>) -> Result<Splits, DataError>,
}

/// The kinds that can be recognised, in the order in which they are tried. A folder of no such kind is an image folder.
const KINDS: &[Kind] = &[Kind {
    layout: stl10::LAYOUT,
    find: stl10::find,
    open: |dir, fold| Ok(stl10::open(dir, fold)?),
}];

/// A data set that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder is neither an image folder nor a data set of another kind.
    #[error("{problem}; expected {}", layouts())]
    NoDataSet {
        /// What the folder lacks.
        problem: FolderError,
    },
    /// An image folder cannot be used.
    #[error(transparent)]
    Folder(FolderError),
    /// STL-10's binary files cannot be used.
    #[error(transparent)]
    Stl10(#[from] Stl10Error),
    /// Test images were to be held out of training, but data sets of this kind have some.
    #[error("data set `{}` has test images of its own ({layout}), so none are held out of training", path.display())]
    OwnTestImages {
        /// The data set.
        path: PathBuf,
        /// Its files.
        layout: &'static str,
    },
}

impl From<FolderError> for DataError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::NoSplit { .. } => Self::NoDataSet { problem: error },
            error => Self::Folder(error),
        }
    }
}

/// Whether `dir` itself, rather than a folder in it, holds at least one of STL-10's binary files.
pub fn is_stl10(dir: &Path) -> bool {
    stl10::is_there(dir)
}

/// Opens a data set: STL-10's binary files in `dir`, or `train/CLASS/*` with `val/CLASS/*` (`test/CLASS/*` if there is
/// no `val`), or STL-10's binary files in `dir/stl10_binary`. Image files are listed but not read.
///
/// `valid`, `validation` and `dev` are other names for `val`, in any case. A class may lack test images.
///
/// # Errors
/// [`DataError`] if a part is missing or there are two of it, a class has no training images, binary files contradict
/// each other, or a file or folder cannot be read.
pub fn open(dir: &Path) -> Result<Splits, DataError> {
    open_with(dir, &OpenOptions::default())
}

/// Like [`open`], but with a fold, trains on that one of STL-10's predefined folds only, counted from 0.
///
/// # Errors
/// The errors of [`open`]; also if the data set has no such fold or `fold_indices.txt` is malformed.
pub fn open_fold(dir: &Path, fold: Option<usize>) -> Result<Splits, DataError> {
    let options = OpenOptions {
        fold,
        ..OpenOptions::default()
    };
    open_with(dir, &options)
}

/// Like [`open_fold`]. Where `options` allow it, also opens image folders without test images, `train/CLASS/*` alone and
/// `CLASS/*`, and holds out some of the images of each class for testing.
///
/// # Errors
/// The errors of [`open_fold`]; also if the data set has test images and `options` ask for others.
pub fn open_with(dir: &Path, options: &OpenOptions) -> Result<Splits, DataError> {
    for kind in KINDS {
        let Some(found) = (kind.find)(dir) else { continue };
        if let HoldOut::Always(_) = options.hold_out {
            return Err(DataError::OwnTestImages {
                path: found,
                layout: kind.layout,
            });
        }
        return (kind.open)(&found, options.fold);
    }
    Ok(image_folder::open(dir, options)?)
}

fn layouts() -> String {
    let others = KINDS.iter().map(|kind| kind.layout);
    let all: Vec<&str> = std::iter::once(image_folder::LAYOUT).chain(others).collect();
    all.join(", or ")
}
