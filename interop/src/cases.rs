//! The cases that `scripts/interop/cases.py` writes, and the lines that a runner prints.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// An exported file, its inputs, and the logits expected for each of them.
#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    file: PathBuf,
    inputs: Vec<Described>,
    outputs: Vec<Described>,
}

/// Raw little-endian values in a file beside `cases.json`.
#[derive(Deserialize)]
struct Described {
    file: PathBuf,
    dtype: String,
    shape: Vec<usize>,
}

/// Values of an input, and their shape.
pub enum Input {
    Float(Vec<usize>, Vec<f32>),
    Bytes(Vec<usize>, Vec<u8>),
}

/// What an engine makes of a case: a line of JSON.
#[derive(Serialize)]
pub struct Answer<'a> {
    pub engine: &'a str,
    pub version: &'a str,
    pub name: &'a str,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The largest difference of a logit, for each input.
    Largest(Vec<f32>),
    Error(String),
}

/// Reads `cases.json`.
pub fn read(path: &Path) -> Result<Vec<Case>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}` is not a list of cases", path.display()))
}

impl Case {
    /// The path of the ONNX file; `folder` is that of `cases.json`.
    pub fn model(&self, folder: &Path) -> PathBuf {
        folder.join(&self.file)
    }

    /// Gives every input to `run`, and compares the logits it returns.
    pub fn compare(&self, folder: &Path, mut run: impl FnMut(Input) -> Result<Vec<f32>>) -> Result<Vec<f32>> {
        let mut largest = Vec::new();
        for (input, output) in self.inputs.iter().zip(&self.outputs) {
            let Input::Float(_, expected) = output.values(folder)? else {
                bail!(
                    "the expected logits in `{}` are not float32",
                    output.file.display()
                );
            };
            let found = run(input.values(folder)?)?;
            ensure!(
                found.len() == expected.len(),
                "{} logits, expected {}",
                found.len(),
                expected.len()
            );
            // `f32::max` would drop NaN.
            let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            largest
                .push(differences.fold(0.0, |a: f32, b| if b.is_nan() { f32::INFINITY } else { a.max(b) }));
        }
        Ok(largest)
    }
}

impl Described {
    fn values(&self, folder: &Path) -> Result<Input> {
        let path = folder.join(&self.file);
        let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let shape = self.shape.clone();
        match self.dtype.as_str() {
            "uint8" => Ok(Input::Bytes(shape, bytes)),
            "float32" => {
                let values = bytes
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|value| f32::from_le_bytes(*value));
                Ok(Input::Float(shape, values.collect()))
            }
            other => bail!("type `{other}` in `{}`", path.display()),
        }
    }
}
