//! What a file that is named as the model holds, and what a user can do about one that is no model.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_cli::{Hint, other_kind};
use mbn_files::FileKind;
use mbn_onnx::ModelErrorKind;
use mbn_weights::{BEST_OF_RUN, WeightFile, WeightsErrorKind, is_shard_index};

/// Whether it is a folder of which it can be said where its weights are.
pub(super) fn is_folder_of_weights(path: &Path) -> bool {
    ["saved_model.pb", BEST_OF_RUN]
        .iter()
        .any(|name| path.join(name).is_file())
}

/// Whether the file begins as weights do, whatever its name is, or names the files that hold them. A pipe is left alone: it can be read only once.
pub(super) fn holds_weights(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    if is_shard_index(path) {
        return true;
    }
    match FileKind::of_file(path).ok().flatten() {
        Some(FileKind::Safetensors | FileKind::PytorchZip) => true,
        // A checkpoint, or a program of TorchScript, whose first file does not tell.
        Some(FileKind::Zip) => match WeightFile::load(path) {
            Ok(_) => true,
            Err(error) => !matches!(error.kind, WeightsErrorKind::OtherKind(_)),
        },
        _ => false,
    }
}

/// Refuses a folder, and what can be read only once: ONNX Runtime reads the model again.
pub(super) fn require_file(path: &Path) -> Result<()> {
    let shown = path.display();
    match path.metadata() {
        Ok(found) if found.is_dir() => Err(anyhow!(
            "model file `{shown}` cannot be used: it is a folder, expected a file"
        ))
        .hint(|| "name a file in it, such as an ONNX model or weights".to_owned()),
        Ok(found) if !found.is_file() => Err(anyhow!(
            "model file `{shown}` cannot be used: it is a pipe, socket or device, expected a file"
        ))
        .hint(|| "a model is read more than once: write it to a file first".to_owned()),
        Err(_) if path == Path::new("-") => Err(anyhow!("no model is read from stdin, expected a file"))
            .hint(|| "write the model to a file first; `./-` names a file that is called so".to_owned()),
        _ => Ok(()),
    }
}

/// What a user can do about a file that is no ONNX model. The system's error says enough about one that is there and cannot be read.
pub(super) fn advice(path: &Path, kind: &ModelErrorKind) -> Option<String> {
    let known = match kind {
        ModelErrorKind::Io(error) if error.kind() != ErrorKind::NotFound => return None,
        ModelErrorKind::OtherKind(kind) => other_kind(path, *kind),
        _ => None,
    };
    // What a converted checkpoint makes is weights, which `--model` takes as well.
    known.or_else(|| {
        let advice =
            "`mbn-export --weights FILE OUT.onnx` makes a model of weights; `--model` takes it, or the weights themselves";
        Some(advice.to_owned())
    })
}
