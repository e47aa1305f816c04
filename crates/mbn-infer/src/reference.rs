//! The weights that a model was made from, with which candle checks it.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use mbn_cli::{Hint, load_weights, quote};
use mbn_weights::{MODELS, Weights, is_weight_file};

use crate::builtin;
use crate::model::{Content, Model};

/// Weights and where they were found.
#[derive(Debug)]
pub struct Reference {
    /// The weights.
    pub weights: Weights,
    /// Where they were found, for messages.
    pub name: String,
}

/// The weights that `model` was made from: the file `named`, else the file beside the model with its stem, else
/// those in `models/` or built into the program that have the hash in the model. `None` if there are none.
///
/// # Errors
/// The named file cannot be read, or holds other weights.
pub fn find(model: &Model, named: Option<&Path>) -> Result<Option<Reference>> {
    let found = match (named, model.content()) {
        (Some(path), _) => Some(from_option(model, path)?),
        (None, Content::Weights(weights)) => Some(Reference {
            weights: weights.clone(),
            name: model.name().to_owned(),
        }),
        (None, Content::Onnx(path, _)) => {
            beside_model(model, &beside(path)).or_else(|| by_hash(model.sha256()?))
        }
    };
    Ok(found.map(|found| in_the_models_variant(model, found)))
}

/// Where the weights of the ONNX file `model` lie beside it.
pub fn beside(model: &Path) -> PathBuf {
    model.with_extension("safetensors")
}

/// The hash is of the tensors alone. Activation, epsilon and padding are as the model was exported with, which the user may have
/// chosen, and not as the weight file says or as its library publishes.
fn in_the_models_variant(model: &Model, found: Reference) -> Reference {
    match (model.content(), model.sha256()) {
        (Content::Onnx(..), Some(_)) => Reference {
            weights: found.weights.with_variant(model.variant()),
            ..found
        },
        _ => found,
    }
}

fn from_option(model: &Model, path: &Path) -> Result<Reference> {
    let weights = load_weights(path)?;
    let found = weights.sha256();
    match model.sha256() {
        Some(expected) if expected != found => {
            let (quoted, path, name) = (quote(path), path.display(), model.name());
            Err(anyhow!(
                "`{path}` does not hold the weights that {name} was made from: SHA-256 {found}, expected {expected}"
            ))
            .hint(|| format!("`--model {quoted}` classifies with these weights"))
        }
        _ => Ok(reference(path, weights)),
    }
}

/// The file beside the model, unless it holds other weights.
fn beside_model(model: &Model, path: &Path) -> Option<Reference> {
    if !path.is_file() {
        return None;
    }
    match Weights::load(path) {
        Ok(weights) if model.sha256().is_none_or(|expected| expected == weights.sha256()) => {
            Some(reference(path, weights))
        }
        Ok(_) => {
            log::warn!(
                "`{}` does not hold the weights that {} was made from",
                path.display(),
                model.name()
            );
            None
        }
        Err(error) => {
            log::warn!("{:#}", anyhow::Error::from(error));
            None
        }
    }
}

fn by_hash(expected: &str) -> Option<Reference> {
    let entries = std::fs::read_dir(MODELS).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| is_weight_file(path));
    paths.sort();
    // Nobody asked for these files: a broken one is skipped.
    let published = paths
        .into_iter()
        .filter_map(|path| Some((Weights::load(&path).ok()?, path)));
    let mut published = published.map(|(weights, path)| reference(&path, weights));
    published
        .find(|candidate| candidate.weights.sha256() == expected)
        .or_else(|| {
            let weights = builtin::weights()
                .ok()
                .filter(|weights| weights.sha256() == expected)?;
            let name = "the weights built into the program".to_owned();
            Some(Reference { weights, name })
        })
}

fn reference(path: &Path, weights: Weights) -> Reference {
    Reference {
        weights,
        name: format!("`{}`", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use mbn_onnx::{ExportOptions, export};

    use super::*;
    use crate::given::Given;

    /// Writes `weights` as `m.onnx`, and `beside` as `m.safetensors`.
    fn files(folder: &Path, weights: &Weights, beside: Option<&Weights>) -> Model {
        let path = folder.join("m.onnx");
        std::fs::write(
            &path,
            export(weights, &ExportOptions::default()).unwrap().to_bytes(),
        )
        .unwrap();
        if let Some(beside) = beside {
            beside.save(&folder.join("m.safetensors")).unwrap();
        }
        Model::open(Some(&path), &Given::default()).unwrap()
    }

    fn other() -> Weights {
        let weights = builtin::weights().unwrap();
        let random = mbn_model::random_weights(*weights.architecture(), 1, &candle_core::Device::Cpu);
        random.unwrap()
    }

    #[test]
    fn weights_beside_the_model_are_taken_if_they_are_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (own, builtin) = (other(), builtin::weights().unwrap());
        let model = files(folder.path(), &own, Some(&own));
        let found = find(&model, None).unwrap().unwrap();
        assert!(found.name.contains("m.safetensors"), "{}", found.name);
        let model = files(folder.path(), &own, Some(&builtin));
        assert!(find(&model, None).unwrap().is_none());
    }

    #[test]
    fn weights_are_found_by_hash() {
        let folder = tempfile::tempdir().unwrap();
        let builtin = builtin::weights().unwrap();
        let model = files(folder.path(), &builtin, None);
        assert_eq!(find(&model, None).unwrap().unwrap().weights, builtin);
        let model = files(folder.path(), &other(), None);
        assert!(find(&model, None).unwrap().is_none());
    }

    #[test]
    fn named_weights_must_be_the_models_own() {
        let folder = tempfile::tempdir().unwrap();
        let own = other();
        let model = files(folder.path(), &own, None);
        let path = folder.path().join("named.safetensors");
        own.save(&path).unwrap();
        assert_eq!(find(&model, Some(&path)).unwrap().unwrap().weights, own);
        builtin::weights().unwrap().save(&path).unwrap();
        let message = find(&model, Some(&path)).unwrap_err().to_string();
        assert!(
            message.contains("named.safetensors") && message.contains(&own.sha256()),
            "{message}"
        );
    }
}
