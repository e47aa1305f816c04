//! An opened data set: its training and its test images.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::folder_warning::FolderWarning;
use super::hold_out::{HoldOut, Share};
use crate::decode::DEFAULT_MAX_PIXELS;
use crate::image_source::ImageSource;
use crate::picture_files::LeftOut;

/// How to open a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenOptions {
    /// Train on this one of STL-10's predefined folds only, counted from 0.
    pub fold: Option<usize>,
    /// Whether test images may be taken from the training images.
    pub hold_out: HoldOut,
    /// Images of more pixels are errors.
    pub max_pixels: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            fold: None,
            hold_out: HoldOut::default(),
            max_pixels: DEFAULT_MAX_PIXELS,
        }
    }
}

/// The training and test images of a data set; both have the same class names.
pub struct Splits {
    /// Name of the data set's folder.
    pub name: String,
    /// Class names, in the order of the labels. Each has training images.
    pub class_names: Vec<String>,
    /// Training images.
    pub train: Arc<dyn ImageSource>,
    /// Images to measure accuracy on: `val` if the data set has it, else `test`, else images held out of training.
    pub test: Arc<dyn ImageSource>,
    /// The folders that hold the images of one class each, with links resolved; empty for STL-10's binary files.
    pub class_folders: Vec<PathBuf>,
    /// What the user may not expect of the data set.
    pub warnings: Vec<FolderWarning>,
    /// What the data set's folders hold besides.
    pub left_out: LeftOut,
    /// The share of the images that was held out for `test`, if it was.
    pub held_out: Option<Share>,
    /// SHA-256 that tells whether a data set has the same images in the same places, wherever its folder lies. It does
    /// not cover their pixels.
    pub fingerprint: String,
}

impl Splits {
    /// SHA-256 that tells whether another data set has the same test images, in whatever folder: their classes, their names, and
    /// the sizes of their files. [`Splits::fingerprint`] does not tell data sets apart that number their files alike.
    pub fn test_fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for index in 0..self.test.len() {
            let class = &self.class_names[self.test.label(index) as usize];
            let path = self.test.path(index);
            // A file that cannot be read has no size; the check of the images reports it.
            let size = path.metadata().map_or(0, |found| found.len());
            hash.update(class);
            hash.update([0]);
            hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
            hash.update([0]);
            hash.update(size.to_le_bytes());
        }
        hex(hash)
    }
}

/// The name under which a data set in `dir` is known, even if `dir` is `.`.
pub(super) fn folder_name(dir: &Path) -> String {
    let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = absolute.file_name().unwrap_or(absolute.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A finished hash in hexadecimal.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
