//! The result of a check as JSON.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use mbn_files::atomic;
use mbn_onnx::Model;
use serde_json::{Value, json};

use crate::proof::{Beside, Case};
use crate::verify::Evidence;

/// What an export knows of its file so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The path that it is to get.
    pub file: Option<PathBuf>,
    /// Its model.
    pub model: Option<Model>,
    /// Its size in bytes.
    pub bytes: usize,
    /// What was found in it.
    pub evidence: Option<Evidence>,
}

impl Known {
    /// The report of an export, which failed if there is an error. `out` stands for a file whose path is not known yet.
    pub fn report<'a>(&'a self, out: &'a Path, error: Option<&'a Error>) -> Report<'a> {
        Report {
            file: self.file.as_deref().unwrap_or(out),
            model: self.model.as_ref(),
            bytes: self.bytes,
            reference: Some("the weights"),
            differs: &[],
            evidence: self.evidence.as_ref(),
            error,
        }
    }
}

/// What was checked, and what came out.
pub struct Report<'a> {
    /// The file.
    pub file: &'a Path,
    /// Its model, if it came so far.
    pub model: Option<&'a Model>,
    /// Its size in bytes.
    pub bytes: usize,
    /// With what it was compared, if it was.
    pub reference: Option<&'a str>,
    /// In what it says something else of itself than the weights do.
    pub differs: &'a [String],
    /// What was found, if the check came so far.
    pub evidence: Option<&'a Evidence>,
    /// Why the file fails, if it does.
    pub error: Option<&'a Error>,
}

impl Report<'_> {
    /// Writes the report.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(&self.json()).context("a report is always JSON")?;
        text.push('\n');
        atomic::write(path, text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn json(&self) -> Value {
        let proto = self.model.map(Model::proto);
        let structure = self.evidence.map(|evidence| &evidence.structure);
        let proof = self.evidence.and_then(|evidence| evidence.proof.as_ref());
        let others = self.evidence.map_or(&[][..], |evidence| &evidence.others);
        json!({
            "file": self.file.display().to_string(),
            "bytes": proto.map(|_| self.bytes),
            "producer": proto.map(|proto| proto.producer_name()),
            "producer_version": proto.map(|proto| proto.producer_version()),
            "ir_version": proto.map(|proto| proto.ir_version()),
            "opset": proto.map(|proto| proto.opset_import.iter().map(|import| json!({
                "domain": import.domain(), "version": import.version(),
            })).collect::<Vec<_>>()),
            "weights_sha256": self.model.and_then(Model::weights_sha256),
            "quantization": self.model.and_then(Model::quantization),
            "nodes": structure.map(|structure| structure.nodes()),
            "operators": structure.map(|structure| &structure.operators),
            "unused": structure.map(|structure| &structure.orphans),
            "reference": self.reference,
            "differs_from_weights": self.differs,
            "engine": proof.map(|proof| &proof.engine),
            "cases": proof.map(|proof| proof.cases.iter().map(case).collect::<Vec<_>>()),
            "outputs": others.iter().map(|other| json!({
                "name": other.name,
                "beside": match other.beside {
                    Beside::Logits => "logits",
                    Beside::Candle | Beside::CandlesLength => "candle",
                },
                "measure": match other.beside {
                    Beside::Logits | Beside::Candle => "difference",
                    Beside::CandlesLength => "length of the difference as a fraction",
                },
                "largest": number(other.largest),
                "allowed": number(other.allowed),
                "passed": other.passed(),
            })).collect::<Vec<_>>(),
            "passed": self.error.is_none(),
            "error": self.error.map(|error| format!("{error:#}")),
        })
    }
}

fn case(case: &Case) -> Value {
    let differences = case.comparison.differences();
    json!({
        "inputs": if case.noise { "noise" } else { "pictures" },
        "batch": case.batch,
        "images": differences.images,
        "largest": number(differences.largest),
        "mean": number(differences.mean() as f32),
        "allowed": number(case.comparison.allowed()),
        "same_first_class": differences.same_class,
        "passed": case.comparison.passed(),
        "float32": case.float.map(|float| {
            let differences = float.differences();
            json!({
                "largest": number(differences.largest),
                "mean": number(differences.mean() as f32),
                "same_first_class": differences.same_class,
            })
        }),
    })
}

/// JSON has no infinity: it is `null`.
fn number(value: f32) -> Value {
    match value.is_finite() {
        true => json!(value),
        false => Value::Null,
    }
}
