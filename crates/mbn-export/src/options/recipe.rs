//! What the options say about quantising.

use std::path::Path;

use mbn_quant::Method;

use super::keep_float::KeepFloat;

/// How weights are quantised.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// Folder of pictures.
    pub folder: &'a Path,
    /// How ranges follow from values.
    pub method: Method,
    /// Layers that stay float32.
    pub keep: KeepFloat,
    /// Whether the cost of each layer is measured for the user.
    pub sensitivity: bool,
    /// Whether the features are an output, whose channels must stay as they are.
    pub features: bool,
}
