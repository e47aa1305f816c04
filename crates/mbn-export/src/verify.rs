//! Verifies a written file before it gets its name: read again, checked, and run beside candle.

mod noise;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use mbn_cli::{Hint, onnx_runtime};
use mbn_engine::engine::{Engine, OrtEngine, Provider};
use mbn_engine::parity::{Comparison, Tolerance};
use mbn_engine::runtime::{self, NEEDED, RuntimeError};
use mbn_model::Network;
use mbn_onnx::{ExportOptions, Exporter, Model, Precision, checker};
use mbn_spec::text::counted;
use mbn_weights::Weights;

pub(crate) use noise::Noise;

/// Batch sizes: one, and another to see that the file does not fix the batch.
const BATCHES: [usize; 2] = [1, 2];

/// ONNX Runtime's outputs beside candle's.
#[derive(Clone, Debug)]
pub struct Agreement {
    comparison: Comparison,
    /// What ran the file.
    engine: String,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (differences, allowed) = (self.comparison.differences(), self.comparison.allowed());
        write!(
            f,
            "largest difference {:.1e} on {}, {allowed:.1e} allowed ({})",
            differences.largest,
            counted(differences.images, "noise picture"),
            self.engine
        )
    }
}

/// How a written file is verified.
#[derive(Clone, Copy, Debug)]
pub struct Verification<'a> {
    /// Whether ONNX Runtime runs the file beside candle; the file is read again and checked in any case.
    pub run: bool,
    /// ONNX Runtime's library, if the user names one.
    pub ort_lib: Option<&'a Path>,
    /// CPU threads.
    pub threads: usize,
}

/// Threads of ONNX Runtime beside candle's, which sleep meanwhile: three pictures need no more.
const MAX_THREADS: usize = 3;

/// Checks that the file at `path` is whole and computes what the exporter's weights compute in candle.
///
/// `None` if the outputs were not to be compared.
///
/// # Errors
/// The file is wrong, or ONNX Runtime is not found or cannot be used.
pub fn verify(
    path: &Path,
    exporter: &Exporter<'_>,
    options: &ExportOptions,
    verification: Verification<'_>,
) -> Result<Option<Agreement>> {
    let bytes = std::fs::read(path).context("cannot read the file again")?;
    check(&bytes, exporter, options)?;
    if !verification.run {
        return Ok(None);
    }
    let runtime = match runtime::find(verification.ort_lib) {
        Ok(runtime) => runtime,
        Err(RuntimeError::NotFound) => {
            return Err(RuntimeError::NotFound)
                .context("its outputs cannot be compared with candle's")
                .hint(|| {
                    let missing = onnx_runtime::missing(NEEDED);
                    format!("{missing}; `--no-verify` writes the file without the comparison")
                });
        }
        Err(error) => return Err(error).hint(|| onnx_runtime::unusable(NEEDED)),
    };
    let threads = verification.threads.min(MAX_THREADS);
    let mut engine = OrtEngine::from_bytes(&runtime, &bytes, threads)?;
    compare(&mut engine, exporter.weights(), options).map(Some)
}

/// What can be seen without running the file.
fn check(bytes: &[u8], exporter: &Exporter<'_>, options: &ExportOptions) -> Result<()> {
    let model = Model::from_bytes(bytes)?;
    let report = checker::check(&model)?;
    log::debug!("Shapes inferred: {:?} -> {:?}", report.inputs, report.outputs);
    ensure!(
        model.weights_sha256() == Some(exporter.sha256()),
        "`weights_sha256` is not the hash of the weights"
    );
    if options.precision == Precision::Fp32 {
        ensure!(
            model.to_folded()? == *exporter.folded(),
            "its constants differ from the weights"
        );
    }
    Ok(())
}

/// Runs noise pictures through `engine` and candle.
///
/// # Errors
/// Outputs that differ by more than is allowed, or an engine that fails.
pub fn compare(engine: &mut dyn Engine, weights: &Weights, options: &ExportOptions) -> Result<Agreement> {
    let preprocess = weights.metadata().preprocess.unwrap_or_default();
    let mut network = Network::from_weights(weights, &Device::Cpu)?;
    let tolerance = Tolerance::of(options.precision.into(), &Provider::Cpu).on_noise();
    let mut comparison = Comparison::new(tolerance, options.softmax);
    for n in BATCHES {
        let (noise, size) = (Noise::new(n, preprocess.size), preprocess.size);
        let images = Tensor::from_vec(noise.normalised(&preprocess), (n, 3, size, size), &Device::Cpu)?;
        let logits = network.forward_eval(&images)?.flatten_all()?.to_vec1::<f32>()?;
        ensure!(
            logits.iter().all(|value| value.is_finite()),
            "the weights give values that are not finite numbers, in candle too"
        );
        let pixels = noise.pixels(engine.pixel_type(), &preprocess);
        let found = engine.logits(pixels.pixels(), n)?;
        comparison.add(n, &found, &logits)?;
    }
    let agreement = Agreement {
        comparison,
        engine: engine.describe(),
    };
    if !agreement.comparison.passed() {
        bail!("its outputs differ from candle's: {agreement}");
    }
    Ok(agreement)
}

#[cfg(test)]
mod tests;
