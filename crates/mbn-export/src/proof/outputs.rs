//! The outputs beside the logits: they must say the same as the logits.

use anyhow::{Context, Result, ensure};
use mbn_engine::engine::ModelSource;
use mbn_engine::runtime::Runtime;
use mbn_engine::softmax::softmax;
use mbn_engine::{Elements, Feed, GraphSession};
use mbn_onnx::{FEATURES, INPUT, InputKind, InputSize, LOGITS, PROBABILITIES, Precision, Written};

use crate::noise::{Noise, blocks};
use crate::pictures::Sample;

/// How far probabilities may be from the softmax of the logits beside them, which this program computes in float64.
const PROBABILITY: f32 = 1e-5;
/// How far logits may be from the classifier applied to the features beside them, as a fraction of the largest: the same
/// products in another order.
const CLASSIFIER: f32 = 1e-4;
/// The same in float16, which rounds each feature to eleven bits.
const HALF_CLASSIFIER: f32 = 2e-2;
/// The same in int8: the classifier rounds each feature to a step of a byte.
const BYTE_CLASSIFIER: f32 = 5e-2;

/// An output beside the logits, compared with them.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherOutput {
    /// Its name.
    pub name: &'static str,
    /// Largest difference.
    pub largest: f32,
    /// Largest difference that passes.
    pub allowed: f32,
}

impl OtherOutput {
    /// Whether the difference is within what is allowed; one that is not a number is not.
    pub fn passed(&self) -> bool {
        self.largest <= self.allowed
    }
}

/// Compares `probabilities` and `features`, if the file has them, with its logits.
///
/// # Errors
/// ONNX Runtime fails, or an output is missing.
pub fn other_outputs(
    runtime: &Runtime,
    source: &ModelSource,
    written: &Written,
    threads: usize,
) -> Result<Vec<OtherOutput>> {
    let options = &written.options;
    if !options.softmax && !options.features {
        return Ok(Vec::new());
    }
    let mut session = GraphSession::load(runtime, source, threads)?;
    let outputs = session.run(vec![feed(written, options.batch.unwrap_or(2))?])?;
    let find = |name: &str| {
        let output = outputs.iter().find(|output| output.name == name);
        output
            .map(|output| &output.values)
            .with_context(|| format!("it gives no `{name}`"))
    };
    let (logits, weights) = (find(LOGITS)?, &written.weights);
    let classes = weights.architecture.classes;
    let mut found = Vec::new();
    if options.softmax {
        let mut expected = logits.clone();
        expected.chunks_mut(classes).for_each(softmax);
        found.push(OtherOutput {
            name: PROBABILITIES,
            largest: largest(find(PROBABILITIES)?, &expected)?,
            allowed: PROBABILITY,
        });
    }
    if options.features {
        let len = weights.architecture.features();
        let rows = find(FEATURES)?.chunks(len);
        let expected: Vec<f32> = rows
            .flat_map(|row| classify(row, &weights.fc_weight, &weights.fc_bias))
            .collect();
        let scale = logits
            .iter()
            .fold(1.0, |scale: f32, value| scale.max(value.abs()));
        let fraction = match options.precision {
            Precision::Fp32 => CLASSIFIER,
            Precision::Fp16 => HALF_CLASSIFIER,
            Precision::Int8 => BYTE_CLASSIFIER,
        };
        found.push(OtherOutput {
            name: FEATURES,
            largest: largest(logits, &expected)?,
            allowed: fraction * scale,
        });
    }
    Ok(found)
}

/// Noise for the input of a file that the exporter wrote.
pub(crate) fn feed(written: &Written, n: usize) -> Result<Feed> {
    let preprocess = &written.preprocess;
    let size = preprocess.size;
    let sample = match written.options.size {
        InputSize::Resized => {
            let side = size as u32;
            Sample::of_whole(blocks(n, side + side / 2 + 1, side + 3), preprocess)?
        }
        InputSize::Fixed | InputSize::Any => Sample::of_resized(Noise::new(n, size).images(), preprocess),
    };
    Ok(feed_of(&sample, written))
}

/// A sample for the input of a file that the exporter wrote. For one that resizes, its pictures must be alike.
pub(crate) fn feed_of(sample: &Sample, written: &Written) -> Feed {
    let (n, size) = (sample.len(), written.preprocess.size);
    let (shape, elements) = match (written.options.input, written.options.size) {
        (InputKind::Float, _) => (vec![n, 3, size, size], Elements::Float(sample.floats())),
        (InputKind::Uint8, InputSize::Resized) => {
            let ([height, width], bytes) = sample.whole();
            (vec![n, height, width, 3], Elements::Uint8(bytes))
        }
        (InputKind::Uint8, _) => (vec![n, size, size, 3], Elements::Uint8(sample.bytes())),
    };
    Feed {
        name: INPUT.to_owned(),
        shape,
        elements,
    }
}

/// The classifier's logits for one image's features.
fn classify<'a>(features: &'a [f32], weight: &'a [f32], bias: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
    let rows = weight.chunks_exact(features.len().max(1)).zip(bias);
    rows.map(move |(row, bias)| {
        let products = row
            .iter()
            .zip(features)
            .map(|(w, x)| f64::from(*w) * f64::from(*x));
        (products.sum::<f64>() + f64::from(*bias)) as f32
    })
}

/// The largest difference; infinite if one is not a number.
fn largest(found: &[f32], expected: &[f32]) -> Result<f32> {
    ensure!(
        found.len() == expected.len(),
        "an output has {} values, expected {}",
        found.len(),
        expected.len()
    );
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    Ok(
        differences.fold(0.0, |largest: f32, difference| match difference.is_nan() {
            true => f32::INFINITY,
            false => largest.max(difference),
        }),
    )
}
