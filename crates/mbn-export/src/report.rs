//! The result of a check as JSON.

use std::path::Path;

use anyhow::{Context, Error, Result};
use mbn_files::atomic;
use mbn_onnx::Model;
use serde_json::{Value, json};

use crate::proof::Case;
use crate::verify::Evidence;

/// What was checked, and what came out.
pub struct Report<'a> {
    /// The file.
    pub file: &'a Path,
    /// Its model.
    pub model: &'a Model,
    /// Its size in bytes.
    pub bytes: usize,
    /// With what it was compared, if it was.
    pub reference: Option<&'a str>,
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
        let proto = self.model.proto();
        let structure = self.evidence.map(|evidence| &evidence.structure);
        let proof = self.evidence.and_then(|evidence| evidence.proof.as_ref());
        let others = self.evidence.map_or(&[][..], |evidence| &evidence.others);
        json!({
            "file": self.file.display().to_string(),
            "bytes": self.bytes,
            "producer": proto.producer_name(),
            "producer_version": proto.producer_version(),
            "ir_version": proto.ir_version(),
            "opset": proto.opset_import.iter().map(|import| json!({
                "domain": import.domain(), "version": import.version(),
            })).collect::<Vec<_>>(),
            "weights_sha256": self.model.weights_sha256(),
            "quantization": self.model.quantization(),
            "nodes": structure.map(|structure| structure.nodes()),
            "operators": structure.map(|structure| &structure.operators),
            "unused": structure.map(|structure| &structure.orphans),
            "reference": self.reference,
            "engine": proof.map(|proof| &proof.engine),
            "cases": proof.map(|proof| proof.cases.iter().map(case).collect::<Vec<_>>()),
            "outputs": others.iter().map(|other| json!({
                "name": other.name,
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
