//! Verifies a written file before it gets its name: read again, checked, and run beside candle.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use mbn_cli::Hint;
use mbn_infer::engine::{Engine, OrtEngine};
use mbn_infer::predictions::{centred_logarithms, softmax};
use mbn_infer::runtime::{self, RuntimeError};
use mbn_model::Network;
use mbn_onnx::{ExportOptions, Model, Precision, checker};
use mbn_spec::Preprocess;
use mbn_weights::Weights;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Numbers of pictures that are run at once: one, and another to see that the batch is free.
const BATCHES: [usize; 2] = [1, 2];

/// Two float32 programs that add the same terms in another order, through 28 layers.
const FP32_TOLERANCE: f32 = 1e-4;
/// float16 keeps 11 bits of every weight and activation: random weights of any alpha come to 4 % of their largest
/// logit, and a graph that is wrong to 100 %.
const FP16_TOLERANCE: f32 = 5e-2;

/// How far ONNX Runtime's outputs are from candle's.
#[derive(Clone, Debug, PartialEq)]
pub struct Parity {
    /// Largest absolute difference.
    pub largest: f32,
    /// Largest that is accepted: the tolerance, times the largest output where that is above 1.
    pub allowed: f32,
    /// Number of pictures compared.
    pub pictures: usize,
    /// What ran the file.
    pub engine: String,
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            largest,
            allowed,
            pictures,
            engine,
        } = self;
        write!(
            f,
            "largest difference {largest:.1e} on {pictures} noise pictures, {allowed:.1e} allowed ({engine})"
        )
    }
}

/// Checks that the file at `path` is whole and computes what `weights` compute in candle.
///
/// `None` if the outputs were not compared, since ONNX Runtime was not found.
///
/// # Errors
/// What is wrong with the file, or a library named by the user that cannot be used.
pub fn verify(
    path: &Path,
    weights: &Weights,
    options: &ExportOptions,
    ort_lib: Option<&Path>,
    threads: usize,
) -> Result<Option<Parity>> {
    let bytes = std::fs::read(path).context("cannot read the file again")?;
    check(&bytes, weights, options)?;
    let runtime = match runtime::find(ort_lib) {
        Ok(runtime) => runtime,
        Err(RuntimeError::NotFound) => return Ok(None),
        Err(error) => {
            let hint = error.hint();
            return Err(error).hint(|| hint);
        }
    };
    let mut engine = OrtEngine::from_bytes(&runtime, &bytes, threads)?;
    compare(&mut engine, weights, options).map(Some)
}

/// What can be seen without running the file.
fn check(bytes: &[u8], weights: &Weights, options: &ExportOptions) -> Result<()> {
    let model = Model::from_bytes(bytes)?;
    let report = checker::check(&model)?;
    log::debug!("Shapes inferred: {:?} -> {:?}", report.inputs, report.outputs);
    ensure!(
        model.weights_sha256() == Some(weights.sha256().as_str()),
        "`weights_sha256` is not that of the weights"
    );
    if options.precision == Precision::Fp32 {
        ensure!(
            model.to_folded()? == weights.fold(),
            "its constants are not those of the weights"
        );
    }
    Ok(())
}

/// Runs noise pictures through `engine` and candle. Probabilities are compared by their logarithms, by the tolerances of
/// logits. The likeliest class is not: on noise near ties are many, and what the tolerance allows may turn each.
///
/// # Errors
/// Outputs that differ by more than is allowed, or an engine that fails.
pub fn compare(engine: &mut dyn Engine, weights: &Weights, options: &ExportOptions) -> Result<Parity> {
    let preprocess = weights.metadata().preprocess.unwrap_or_default();
    let mut network = Network::from_weights(weights, &Device::Cpu)?;
    let (mut largest, mut scale) = (0f32, 1f32);
    for n in BATCHES {
        let images = noise(n, &preprocess);
        let size = preprocess.size;
        let images_tensor = Tensor::from_slice(&images, (n, 3, size, size), &Device::Cpu)?;
        let expected = network.forward_eval(&images_tensor)?;
        let mut expected = expected.flatten_all()?.to_vec1::<f32>()?;
        ensure!(
            expected.iter().all(|value| value.is_finite()),
            "the weights give values that are not finite numbers, in candle too"
        );
        let mut found = engine.logits(&images, n)?;
        ensure!(
            found.len() == expected.len(),
            "it gives {} values, candle {}",
            found.len(),
            expected.len()
        );
        if options.softmax {
            let classes = weights.architecture().classes;
            for (found, expected) in found.chunks_mut(classes).zip(expected.chunks_mut(classes)) {
                softmax(expected);
                centred_logarithms(found, expected);
            }
        }
        for (found, expected) in found.iter().zip(&expected) {
            let difference = (found - expected).abs();
            // Not a number is as far off as can be; `max` would pass over it.
            largest = largest.max(if difference.is_nan() {
                f32::INFINITY
            } else {
                difference
            });
            scale = scale.max(expected.abs());
        }
    }
    let tolerance = match options.precision {
        Precision::Fp32 => FP32_TOLERANCE,
        Precision::Fp16 => FP16_TOLERANCE,
    };
    let parity = Parity {
        largest,
        allowed: tolerance * scale,
        pictures: BATCHES.iter().sum(),
        engine: engine.describe(),
    };
    if parity.largest > parity.allowed {
        bail!("its outputs are not candle's: {parity}");
    }
    Ok(parity)
}

/// `n` normalised pictures `[n, 3, size, size]` of random bytes around a random colour, all different.
fn noise(n: usize, preprocess: &Preprocess) -> Vec<f32> {
    let mut rng = Pcg64Mcg::seed_from_u64(n as u64);
    let plane = preprocess.size * preprocess.size;
    let mut images = Vec::with_capacity(n * 3 * plane);
    for channel in (0..n).flat_map(|_| 0..3) {
        let (scale, offset) = preprocess.affine(channel);
        let (centre, spread) = (rng.random_range(64..=191u8), rng.random_range(16..=64u8));
        images.extend((0..plane).map(|_| {
            let byte = rng.random_range(centre - spread..=centre + spread);
            f32::from(byte) * scale + offset
        }));
    }
    images
}

#[cfg(test)]
mod tests;
