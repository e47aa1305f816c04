//! Reading the weight file that a user names.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use mbn_files::FileKind;
use mbn_spec::text::joined;
use mbn_weights::{BEST_OF_RUN, Head, LAST_OF_RUN, Source, Taken, WeightFile, Weights, WeightsErrorKind};

use crate::{Hint, Overrides, quote};

/// Turns a PyTorch checkpoint into safetensors: a bare state dict, or one below `state_dict` or `model`.
const FROM_PYTORCH: &str = "import sys, torch; from safetensors.torch import save_file; \
     c = torch.load(sys.argv[1], map_location=\"cpu\"); \
     c = c.get(\"state_dict\", c.get(\"model\", c)) if isinstance(c, dict) else c.state_dict(); \
     save_file({k: v.clone().contiguous() for k, v in c.items() if torch.is_tensor(v)}, sys.argv[2])";

/// Turns an HDF5 file into safetensors, each data set under its path.
const FROM_HDF5: &str = "import sys, h5py; from safetensors.numpy import save_file; t = {}; \
     h5py.File(sys.argv[1]).visititems(lambda k, v: t.update({k: v[()]}) \
     if isinstance(v, h5py.Dataset) and v.dtype.kind == \"f\" else None); save_file(t, sys.argv[2])";

/// Reads a weight file, and logs what was different about it and what it does not say itself. Errors carry advice.
///
/// # Errors
/// It cannot be read, or does not hold the weights of a MobileNetV1.
pub fn load_weights(path: &Path) -> Result<Weights> {
    load_weights_with(path, &Overrides::default())
}

/// As [`load_weights`], with what the user says about the weights.
///
/// # Errors
/// As [`load_weights`], and if no picture can follow the preprocessing.
pub fn load_weights_with(path: &Path, overrides: &Overrides) -> Result<Weights> {
    Ok(load(path, overrides, Head::Required)?.0)
}

/// As [`load_weights_with`], of weights to train on from, which may lack the classifier. Returns whether they have one.
///
/// # Errors
/// As [`load_weights_with`].
pub fn load_start(path: &Path, overrides: &Overrides) -> Result<(Weights, bool)> {
    load(path, overrides, Head::Optional)
}

fn load(path: &Path, overrides: &Overrides, head: Head) -> Result<(Weights, bool)> {
    if path.is_dir() {
        let error = anyhow!("`{}` is a folder, expected a weight file", path.display());
        let best = path.join(BEST_OF_RUN);
        return match best.is_file() {
            true => Err(error).hint(|| format!("the best weights of that run are in `{}`", best.display())),
            false => Err(error),
        };
    }
    match WeightFile::load_with(path, head) {
        Ok(file) => {
            for adaptation in &file.adaptations {
                log::info!("`{}`: {adaptation}", path.display());
            }
            if let Some(text) = taken(&file, overrides) {
                log::info!("`{}`: {text}", path.display());
            }
            let weights = overrides.apply(file.weights);
            let weights = weights.with_context(|| format!("`{}` cannot be used", path.display()))?;
            Ok((weights, file.has_classifier))
        }
        Err(error) => match advice(path, &error.kind) {
            Some(advice) => Err(error).hint(|| advice),
            None => Err(error.into()),
        },
    }
}

/// What the file does not say itself, as options that say the same, and where it comes from.
fn taken(file: &WeightFile, overrides: &Overrides) -> Option<String> {
    let mut parts: Vec<(&Source, Vec<String>)> = Vec::new();
    for taken in &file.taken {
        let (source, options) = match taken {
            Taken::Preprocess(source) => {
                let preprocess = file.weights.metadata().preprocess.unwrap_or_default();
                (source, overrides.options_of_preprocess(&preprocess))
            }
            Taken::Variant(source) => {
                let variant = &file.weights.architecture().variant;
                (source, overrides.options_of_variant(variant))
            }
            Taken::Classes(source) => (source, vec!["(class names)".to_owned()]),
        };
        match parts.iter_mut().find(|(known, _)| *known == source) {
            Some((_, known)) => known.extend(options),
            None => parts.push((source, options)),
        }
    }
    parts.retain(|(_, options)| !options.is_empty());
    let text = |(source, options): (&Source, Vec<String>)| {
        let from = match source {
            Source::Files(names) => {
                let names = joined(names.iter().map(|name| format!("`{name}`")));
                format!(
                    "as {names} beside it {}",
                    if names.contains(" and ") { "say" } else { "says" }
                )
            }
            Source::Family if file.family.is_empty() => "assumed".to_owned(),
            Source::Family => format!("assumed, as {} publishes its weights", file.family),
        };
        format!("{from}: {}", options.join(" "))
    };
    let texts: Vec<_> = parts.into_iter().map(text).collect();
    let names = match file.family {
        "" => String::new(),
        family => format!("its tensors have the names of {family}; "),
    };
    (!texts.is_empty()).then(|| format!("{names}{}", texts.join("; ")))
}

fn advice(path: &Path, kind: &WeightsErrorKind) -> Option<String> {
    match kind {
        WeightsErrorKind::RunState => Some(weights_beside(path)),
        WeightsErrorKind::NoClassifier => Some(format!(
            "`mbn-train --data DIR --init {}` starts from it, with a new classifier",
            quote(path)
        )),
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
