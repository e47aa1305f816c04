//! Where published weights are, relative to the current folder, and how weight files are named.

use std::path::{Path, PathBuf};

use mbn_spec::Alpha;

/// The folder in which `mbn-train` publishes weights and `mbn-export` and `mbn-infer` look for them.
pub const MODELS: &str = "models";

/// The file of a run folder with the weights of its best epoch.
pub const BEST_OF_RUN: &str = "best.safetensors";

/// The file of a run folder with the weights of its last epoch.
pub const LAST_OF_RUN: &str = "last.safetensors";

const EXTENSION: &str = "safetensors";

/// The file of the published weights of `alpha`.
pub fn published_weights(alpha: Alpha) -> PathBuf {
    format!("{MODELS}/mobilenet_v1_{alpha}.{EXTENSION}").into()
}

/// Whether a file is named like a weight file.
pub fn is_weight_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}
