//! Names and sizes of STL-10's binary files.

use std::path::{Path, PathBuf};

use crate::dataset::image_folder::has_train;

/// The files of the data set, as messages describe them.
pub(in crate::dataset) const LAYOUT: &str = "STL-10's binary files";

/// Height and width of the images.
pub(super) const SIDE: usize = 96;
/// Bytes of an image.
pub(super) const PICTURE: usize = 3 * SIDE * SIDE;

pub(super) const CLASS_NAMES: &str = "class_names.txt";
pub(super) const FOLDS: &str = "fold_indices.txt";

/// The folder in the data set's archive.
const FOLDER: &str = "stl10_binary";
/// Any of these files identifies the data set. `unlabeled_X.bin` is not used and may be absent.
const LABELLED: [&str; 4] = ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"];

/// Whether a folder has files of the data set.
pub(in crate::dataset) fn is_there(dir: &Path) -> bool {
    LABELLED.iter().any(|name| dir.join(name).is_file())
}

/// The folder of the data set: `dir`, or the archive's folder in it unless `dir` is an image folder.
pub(in crate::dataset) fn find(dir: &Path) -> Option<PathBuf> {
    if is_there(dir) {
        return Some(dir.to_owned());
    }
    let inner = dir.join(FOLDER);
    (is_there(&inner) && !has_train(dir)).then_some(inner)
}
