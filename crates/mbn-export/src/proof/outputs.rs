//! The outputs beside the logits: they must say the same as the logits, and features what candle's say.

use std::fmt;

use anyhow::{Context, Result, ensure};
use mbn_engine::engine::ModelSource;
use mbn_engine::runtime::Runtime;
use mbn_engine::softmax::softmax;
use mbn_engine::{Elements, Feed, GraphSession};
use mbn_onnx::{FEATURES, INPUT, InputKind, InputSize, LOGITS, PROBABILITIES, Precision, Written};

use super::{FACTOR, Reference};
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
/// How far features may be from candle's, as a fraction of the largest: as logits, from which one layer parts them.
const FEATURE: f32 = 1e-4;
/// The same in float16, and where the graph resizes.
const HALF_FEATURE: f32 = 5e-2;
/// How far the features of int8 may be from candle's, in length: networks that were trained are off by 0.02. Those that eight bits
/// serve badly are off by more, and so are their logits, which are told and not judged: features may be [`FACTOR`] times as far.
const BYTE_FEATURES: f32 = 0.1;
/// Images that run, unless the file says how many.
const IMAGES: usize = 4;

/// An output beside the logits, and how far it is from what it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherOutput {
    /// Its name.
    pub name: &'static str,
    /// What it is compared with.
    pub beside: Beside,
    /// Largest difference; of the features of int8, their distance as a fraction of candle's length.
    pub largest: f32,
    /// Largest difference that passes.
    pub allowed: f32,
}

/// What an output is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// The file's own logits.
    Logits,
    /// The same output of the float network in candle.
    Candle,
    /// The same, by the length of the difference as a fraction of the length of what candle gives.
    CandlesLength,
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logits => "the logits",
            Self::Candle | Self::CandlesLength => "candle's",
        })
    }
}

impl OtherOutput {
    /// Whether the difference is within what is allowed; one that is not a number is not.
    pub fn passed(&self) -> bool {
        self.largest <= self.allowed
    }

    /// What `largest` is.
    pub fn measure(&self) -> &'static str {
        match self.beside {
            Beside::Logits | Beside::Candle => "largest difference",
            Beside::CandlesLength => "length of the difference, as a fraction,",
        }
    }
}

/// Compares `probabilities` and `features`, if the file has them, with its logits, and `features` with those of `float` in candle
/// too: a classifier that undoes what happened to them would hide it.
///
/// # Errors
/// An engine fails, or an output is missing.
pub fn other_outputs(
    runtime: &Runtime,
    source: &ModelSource,
    written: &Written,
    float: &mut Reference,
    threads: usize,
) -> Result<Vec<OtherOutput>> {
    let options = &written.options;
    if !options.softmax && !options.features {
        return Ok(Vec::new());
    }
    let mut session = GraphSession::load(runtime, source, threads)?;
    let sample = sample(written, options.batch.unwrap_or(IMAGES))?;
    let outputs = session.run(vec![feed_of(&sample, written)])?;
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
            beside: Beside::Logits,
            largest: largest(find(PROBABILITIES)?, &expected)?,
            allowed: PROBABILITY,
        });
    }
    if options.features {
        let features = find(FEATURES)?;
        let rows = features.chunks(weights.architecture.features());
        let expected: Vec<f32> = rows
            .flat_map(|row| classify(row, &weights.fc_weight, &weights.fc_bias))
            .collect();
        let fraction = match options.precision {
            Precision::Fp32 => CLASSIFIER,
            Precision::Fp16 => HALF_CLASSIFIER,
            Precision::Int8 => BYTE_CLASSIFIER,
        };
        found.push(OtherOutput {
            name: FEATURES,
            beside: Beside::Logits,
            largest: largest(logits, &expected)?,
            allowed: fraction * most(logits).max(1.0),
        });
        found.push(beside_candle(features, logits, &sample, written, float)?);
    }
    Ok(found)
}

/// The features beside candle's.
fn beside_candle(
    features: &[f32],
    logits: &[f32],
    sample: &Sample,
    written: &Written,
    float: &mut Reference,
) -> Result<OtherOutput> {
    let expected = float.features(sample)?;
    let resizes = written.options.size == InputSize::Resized;
    let fraction = match written.options.precision {
        Precision::Fp32 if !resizes => FEATURE,
        _ => HALF_FEATURE,
    };
    // As for the logits: random weights react far to a byte that is rounded the other way.
    let moved = match resizes {
        true => FACTOR * largest(&float.features(&sample.rounded_otherwise())?, &expected)?,
        false => 0.0,
    };
    let other = |beside, largest, allowed| OtherOutput {
        name: FEATURES,
        beside,
        largest,
        allowed,
    };
    Ok(match written.options.precision {
        Precision::Int8 => {
            let far = distance(logits, &float.logits(sample)?);
            let allowed = BYTE_FEATURES.max(FACTOR * far);
            other(Beside::CandlesLength, distance(features, &expected), allowed)
        }
        Precision::Fp32 | Precision::Fp16 => other(
            Beside::Candle,
            largest(features, &expected)?,
            moved.max(fraction * most(&expected)),
        ),
    })
}

/// Noise for the input of a file that the exporter wrote.
fn sample(written: &Written, n: usize) -> Result<Sample> {
    let preprocess = &written.preprocess;
    let size = preprocess.size;
    match written.options.size {
        InputSize::Resized => {
            let side = size as u32;
            Sample::of_whole(blocks(n, side + side / 2 + 1, side + 3), preprocess)
        }
        InputSize::Fixed | InputSize::Any => Ok(Sample::of_resized(Noise::new(n, size).images(), preprocess)),
    }
}

/// The largest magnitude.
fn most(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most: f32, value| most.max(value.abs()))
}

/// The length of the difference as a fraction of the length of what is expected.
fn distance(found: &[f32], expected: &[f32]) -> f32 {
    let square = |value: f32| f64::from(value).powi(2);
    let apart: f64 = found.iter().zip(expected).map(|(a, b)| square(a - b)).sum();
    let length: f64 = expected.iter().map(|value| square(*value)).sum();
    match (apart == 0.0, (apart / length).sqrt()) {
        (true, _) => 0.0,
        // Two values that are not numbers are infinitely far apart.
        (false, far) if far.is_nan() => f32::INFINITY,
        (false, far) => far as f32,
    }
}

/// A sample for the input of a file that the exporter wrote. For one that resizes, its pictures must be alike.
pub(crate) fn feed_of(sample: &Sample, written: &Written) -> Feed {
    let (n, size) = (sample.len(), sample.size());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_fractions_of_the_length_and_no_number_is_far() {
        assert_eq!(distance(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert_eq!(distance(&[0.0, 0.0], &[3.0, 4.0]), 1.0);
        assert_eq!(distance(&[0.0; 2], &[0.0; 2]), 0.0);
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(distance(&[3.0, value], &[3.0, 4.0]), f32::INFINITY, "{value}");
            assert_eq!(distance(&[3.0, 4.0], &[3.0, value]), f32::INFINITY, "{value}");
        }
        assert_eq!(distance(&[1.0], &[0.0]), f32::INFINITY);
    }
}
