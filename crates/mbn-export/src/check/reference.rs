//! The weights that a file is compared with, and in what it says something else of itself than they do.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use mbn_cli::{Hint, load_weights, quote};
use mbn_onnx::{Model, Written};
use mbn_spec::Metadata;
use mbn_weights::{MODELS, Weights, is_weight_file};

use super::Check;
use crate::meaning::{of_preprocessing, text};
use crate::pictures::Unusable;
use crate::proof::Reference;
use crate::show::short;

/// What a file is compared with.
pub(super) struct Found {
    pub reference: Reference,
    pub name: String,
    /// In what the file says something else of itself than the weights, a sentence each. An export may be asked for that.
    pub differs: Vec<String>,
}

/// What the file is compared with: the weights that the user names, those that lie where they are expected, or else its own
/// constants.
pub(super) fn find(check: &Check, model: &Model, written: &Written) -> Result<Found> {
    if let Some(path) = &check.weights {
        let weights = load_weights(path).context(Unusable::Weights)?;
        let (found, expected) = (weights.sha256(), model.weights_sha256().unwrap_or("none"));
        if found != expected {
            let error = anyhow!(
                "`{}` does not hold the weights that the file was made from: SHA-256 {found}, expected {expected}",
                path.display()
            );
            return Err(error)
                .hint(|| format!("`mbn-export --weights {} OUT.onnx` exports these", quote(path)));
        }
        return of_weights(weights, format!("`{}`", path.display()), model, written);
    }
    let beside = check.file.with_extension("safetensors");
    let published = std::fs::read_dir(MODELS).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = published.map(|entry| entry.path()).collect();
    paths.retain(|path| is_weight_file(path));
    paths.sort();
    paths.insert(0, beside);
    for path in paths.iter().filter(|path| path.is_file()) {
        // Nobody asked for these files: a broken one is skipped.
        if let Ok(weights) = Weights::load(path)
            && Some(weights.sha256().as_str()) == model.weights_sha256()
        {
            return of_weights(weights, format!("`{}`", path.display()), model, written);
        }
    }
    Ok(Found {
        reference: Reference::constants(&written.weights)?,
        name: "the file's own constants, since its weights were not found (`--weights` names them)"
            .to_owned(),
        differs: Vec::new(),
    })
}

/// The weights with the preprocessing and the variant of the file.
fn of_weights(weights: Weights, name: String, model: &Model, written: &Written) -> Result<Found> {
    let differs = differences(&weights, &model.metadata()?, written);
    let metadata = Metadata {
        preprocess: Some(written.preprocess),
        ..weights.metadata().clone()
    };
    let weights = weights.with_variant(written.weights.architecture.variant);
    Ok(Found {
        reference: Reference::weights(&weights.with_metadata(metadata)?)?,
        name,
        differs,
    })
}

fn differences(weights: &Weights, file: &Metadata, written: &Written) -> Vec<String> {
    let mut found = Vec::new();
    let own = weights.metadata();
    let preprocess = own.preprocess.unwrap_or_default();
    let fields = of_preprocessing(&written.preprocess, &preprocess);
    if !fields.is_empty() {
        let fields = fields
            .iter()
            .map(|field| format!("{} {} instead of {}", field.name, field.one, field.other));
        let fields: Vec<_> = fields.collect();
        found.push(format!(
            "`preprocess` differs from the weights': {}",
            fields.join("; ")
        ));
    }
    let (variant, stored) = (
        written.weights.architecture.variant,
        weights.architecture().variant,
    );
    if variant != stored {
        found.push(format!(
            "`variant` is {}, {} in the weights",
            text(serde_json::to_string(&variant)),
            text(serde_json::to_string(&stored))
        ));
    }
    let names = weights.class_names();
    let classes = file.classes.as_deref().unwrap_or(&names);
    let mut others = classes
        .iter()
        .zip(&names)
        .enumerate()
        .filter(|(_, (a, b))| a != b);
    if let Some((i, (one, other))) = others.next() {
        let more = match others.count() {
            0 => String::new(),
            n => format!(", and {n} more differ"),
        };
        found.push(format!(
            "class {i} is `{}`, `{}` in the weights{more}",
            short(one),
            short(other)
        ));
    }
    if file.multi_label != own.multi_label {
        let several = |multi_label| match multi_label {
            true => "may be right at once",
            false => "exclude each other",
        };
        found.push(format!(
            "`problem_type` says that classes {}; in the weights they {}",
            several(file.multi_label),
            several(own.multi_label)
        ));
    }
    found
}
