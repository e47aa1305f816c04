//! An opened data set: its training and its test images.

use std::path::Path;
use std::sync::Arc;

use crate::image_source::ImageSource;

/// The training and test images of a data set; both have the same classes.
pub struct Splits {
    /// Name of the data set's folder.
    pub name: String,
    /// Class names, in the order of the labels.
    pub class_names: Vec<String>,
    /// Training images.
    pub train: Arc<dyn ImageSource>,
    /// Images to measure accuracy on: `val` if the data set has it, else `test`.
    pub test: Arc<dyn ImageSource>,
}

/// The name under which a data set in `dir` is known, even if `dir` is `.`.
pub(super) fn folder_name(dir: &Path) -> String {
    let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = absolute.file_name().unwrap_or(absolute.as_os_str());
    name.to_string_lossy().into_owned()
}
