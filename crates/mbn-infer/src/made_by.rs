//! What the results of a run depend on.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::ModelId;
use crate::options::Options;
use crate::output::MadeBy;
use crate::setup::Classifier;
use crate::shard::Shard;

/// What this run's results depend on.
///
/// # Errors
/// The model cannot be read.
pub fn made_by(options: &Options, classifier: &Classifier, shard: Option<Shard>) -> Result<MadeBy> {
    let model = match &classifier.model_id {
        ModelId::Weights(sha256) => sha256.clone(),
        ModelId::Files(paths) => sha256(paths)?,
    };
    let shard = shard.unwrap_or_default().to_string();
    let values = [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("model", json!(model)),
        ("weights", json!(classifier.other_weights)),
        ("classes", json!(classifier.class_names.names())),
        ("preprocessing", written(&classifier.preprocess)?),
        ("scores", written(&classifier.scores)?),
        ("--output-name", json!(options.output_name)),
        // Absent means red first.
        ("channels", json!(classifier.blue_first.then_some("bgr"))),
        ("--format", json!(options.format().to_string())),
        ("--top-k", json!(classifier.top_k(options))),
        ("--threshold", written(&options.threshold)?),
        ("--logits", json!(options.logits)),
        ("--features", json!(options.features)),
        // Absent means that it was not given.
        ("--evaluate", json!(options.evaluate.then_some(true))),
        ("--max-pixels", json!(options.max_pixels)),
        ("--full-decode", json!(options.full_decode)),
        // Which pictures a folder has depends on it; absent means that it was not given.
        (
            "--libheif",
            json!(options.libheif.libheif.is_some().then_some(true)),
        ),
        ("--column", json!(options.column)),
        ("--shard", json!(shard)),
    ];
    Ok(MadeBy::new(values))
}

/// A value as JSON's text gives it. Made a [`Value`] directly, 0.1 in float32 would be 0.10000000149011612.
fn written(value: &impl Serialize) -> serde_json::Result<Value> {
    serde_json::from_str(&serde_json::to_string(value)?)
}

/// The hash of a model's files, one after the other.
fn sha256(paths: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for path in paths {
        let copied = fs::File::open(path).and_then(|mut file| io::copy(&mut file, &mut Hasher(&mut hash)));
        copied.with_context(|| format!("cannot read the model `{}`", path.display()))?;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

struct Hasher<'a>(&'a mut Sha256);

impl io::Write for Hasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
