//! Reading the weight file that a user names.

use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_files::FileKind;
use mbn_weights::{BEST_OF_RUN, LAST_OF_RUN, WeightFile, Weights, WeightsErrorKind};

use crate::conversion::{broken_checkpoint, other_kind, saved_model, tensorflow_checkpoint};
use crate::{Hint, HubName, NamedFile, Wanted, named_file};

/// Weights that a user named.
#[derive(Clone, Debug)]
pub struct LoadedWeights {
    /// The weights.
    pub weights: Weights,
    /// The name on the Hub with the commit they were fetched at, if they come from there.
    pub hub: Option<HubName>,
}

/// Reads a weight file, or fetches and reads one that is named on the Hub, and logs what was different about it. Errors carry
/// advice.
///
/// # Errors
/// It cannot be fetched or read, or does not hold the weights of a MobileNetV1.
pub fn load_weights(path: &Path) -> Result<Weights> {
    load_weights_and_name(path).map(|loaded| loaded.weights)
}

/// As [`load_weights`], with where they come from.
///
/// # Errors
/// As [`load_weights`].
pub fn load_weights_and_name(path: &Path) -> Result<LoadedWeights> {
    let NamedFile { path, hub } = named_file(path, Wanted::Weights)?;
    let weights = load_file(&path)?;
    Ok(LoadedWeights { weights, hub })
}

fn load_file(path: &Path) -> Result<Weights> {
    if path.is_dir() {
        let error = anyhow!("`{}` is a folder, expected a weight file", path.display());
        let best = path.join(BEST_OF_RUN);
        return match (best.is_file(), saved_model(path)) {
            (true, _) => {
                Err(error).hint(|| format!("the best weights of that run are in `{}`", best.display()))
            }
            (_, Some(advice)) => Err(error).hint(|| advice),
            _ => Err(error),
        };
    }
    match WeightFile::load(path) {
        Ok(file) => {
            for adaptation in &file.adaptations {
                log::info!("`{}`: {adaptation}", path.display());
            }
            Ok(file.weights)
        }
        Err(error) => match advice(path, &error.kind) {
            Some(advice) => Err(error).hint(|| advice),
            None => Err(error.into()),
        },
    }
}

fn advice(path: &Path, kind: &WeightsErrorKind) -> Option<String> {
    match kind {
        WeightsErrorKind::RunState => Some(weights_beside(path)),
        WeightsErrorKind::OtherKind(FileKind::Onnx) => Some(
            "weights are what a model is made from: `mbn-train` writes them as `.safetensors`; \
             `mbn-infer --model` takes an ONNX model if its name does not end in `.safetensors`"
                .to_owned(),
        ),
        WeightsErrorKind::OtherKind(kind) => other_kind(path, *kind),
        WeightsErrorKind::Pickle(error) => broken_checkpoint(path, error),
        WeightsErrorKind::Malformed(_) | WeightsErrorKind::Io(_) => tensorflow_checkpoint(path),
        _ => None,
    }
}

/// Where the weights of a run are whose state is at `path`.
fn weights_beside(path: &Path) -> String {
    let beside = [BEST_OF_RUN, LAST_OF_RUN].map(|name| path.with_file_name(name));
    let found = beside.iter().filter(|path| path.is_file());
    let found: Vec<_> = found.map(|path| format!("`{}`", path.display())).collect();
    match found.is_empty() {
        true => format!("the weights of a run are in its files `{BEST_OF_RUN}` and `{LAST_OF_RUN}`"),
        false => format!("the weights of that run are in {}", found.join(" and ")),
    }
}
