//! Reading the weight file that a user names.

use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_files::FileKind;
use mbn_weights::{BEST_OF_RUN, LAST_OF_RUN, WeightFile, Weights, WeightsErrorKind};

use crate::{Hint, quote};

/// Turns a PyTorch checkpoint into safetensors: a bare state dict, or one below `state_dict` or `model`.
const FROM_PYTORCH: &str = "import sys, torch; from safetensors.torch import save_file; \
     c = torch.load(sys.argv[1], map_location=\"cpu\"); \
     c = c.get(\"state_dict\", c.get(\"model\", c)) if isinstance(c, dict) else c.state_dict(); \
     save_file({k: v.clone().contiguous() for k, v in c.items() if torch.is_tensor(v)}, sys.argv[2])";

/// Turns an HDF5 file into safetensors, each data set under its path.
const FROM_HDF5: &str = "import sys, h5py; from safetensors.numpy import save_file; t = {}; \
     h5py.File(sys.argv[1]).visititems(lambda k, v: t.update({k: v[()]}) \
     if isinstance(v, h5py.Dataset) and v.dtype.kind == \"f\" else None); save_file(t, sys.argv[2])";

/// Reads a weight file, and logs what was different about it. Errors carry advice.
///
/// # Errors
/// It cannot be read, or does not hold the weights of a MobileNetV1.
pub fn load_weights(path: &Path) -> Result<Weights> {
    if path.is_dir() {
        let error = anyhow!("`{}` is a folder, expected a weight file", path.display());
        let best = path.join(BEST_OF_RUN);
        return match best.is_file() {
            true => Err(error).hint(|| format!("the best weights of that run are in `{}`", best.display())),
            false => Err(error),
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

/// What a user can do about the file `path` of another kind than a program wants: how to get the right one.
pub fn other_kind(path: &Path, kind: FileKind) -> Option<String> {
    let file = quote(path);
    let converts = |script: &str, needs: &str| {
        let out = quote(&path.with_extension("safetensors"));
        let script = quote(Path::new(script));
        format!(
            "`python3 -c {script} {file} {out}` converts it, in a Python that has {needs} and safetensors"
        )
    };
    match kind {
        FileKind::GitLfsPointer => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let name = path.file_name().map_or(Path::new(""), Path::new);
            let (folder, name) = (quote(folder.unwrap_or(Path::new("."))), quote(name));
            Some(format!(
                "`git -C {folder} lfs pull --include {name}` fetches the file itself"
            ))
        }
        FileKind::PytorchZip | FileKind::PytorchPickle => Some(converts(FROM_PYTORCH, "PyTorch")),
        FileKind::Hdf5 => Some(converts(FROM_HDF5, "h5py")),
        FileKind::WebPage | FileKind::Xml | FileKind::Json => Some(
            "download the file itself: on GitHub the address of `Raw`, on a model hub one with `/resolve/`"
                .to_owned(),
        ),
        kind if kind.is_archive() => Some("unpack it first".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_one_command_for_a_shell() {
        let path = Path::new("my models/it's.pth");
        let advice = other_kind(path, FileKind::PytorchZip).unwrap();
        let command = advice.split('`').nth(1).unwrap();
        let words = shlex::split(command).unwrap();
        assert_eq!(words[..2], ["python3", "-c"]);
        assert_eq!(words[2], FROM_PYTORCH);
        assert_eq!(words[3..], ["my models/it's.pth", "my models/it's.safetensors"]);
        let advice = other_kind(path, FileKind::GitLfsPointer).unwrap();
        let words = shlex::split(advice.split('`').nth(1).unwrap()).unwrap();
        assert_eq!(
            words,
            ["git", "-C", "my models", "lfs", "pull", "--include", "it's.pth"]
        );
    }
}
