//! An opened data set: its training and its test images.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

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
    /// What the data set's folders hold besides.
    pub left_out: LeftOut,
    /// The share of the images that was held out for `test`, if it was.
    pub held_out: Option<Share>,
    /// SHA-256 that tells whether a data set has the same images in the same places, wherever its folder lies. It does
    /// not cover their pixels.
    pub fingerprint: String,
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
