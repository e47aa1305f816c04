//! Where weights are published, from the current folder, and how their files are named.

use std::path::{Path, PathBuf};

use mbn_spec::Alpha;

/// The folder that `mbn-train` publishes weights in, and `mbn-export` and `mbn-infer` look into.
pub const MODELS: &str = "models";

const EXTENSION: &str = "safetensors";

/// Where weights of `alpha` are published.
pub fn published_weights(alpha: Alpha) -> PathBuf {
    format!("{MODELS}/mobilenet_v1_{alpha}.{EXTENSION}").into()
}

/// Whether a file is named like one of weights.
pub fn is_weight_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}
