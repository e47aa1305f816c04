//! Outputs that differ from candle's, and files that do not hold the weights.

use mbn_engine::EngineError;
use mbn_engine::images::{PixelType, Pixels};
use mbn_engine::softmax::softmax;
use mbn_onnx::export;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess};

use super::*;

const SIZE: usize = 64;

fn weights(seed: u64) -> Weights {
    let architecture = Architecture::new(Alpha::Quarter, 5);
    let random = mbn_model::random_weights(architecture, seed, &Device::Cpu).unwrap();
    let metadata = Metadata {
        preprocess: Some(Preprocess {
            size: SIZE,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let network = Network::from_weights(&random, &Device::Cpu).unwrap();
    network.to_weights(metadata).unwrap()
}

/// candle, with its logits changed.
struct Changed<F> {
    network: Network,
    change: F,
}

impl<F: Fn(&mut Vec<f32>)> Engine for Changed<F> {
    fn describe(&self) -> String {
        "a changed candle".into()
    }

    fn classes(&self) -> usize {
        self.network.architecture().classes
    }

    fn pixel_type(&self) -> PixelType {
        PixelType::Float
    }

    fn logits(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError> {
        let Pixels::Float(images) = images else {
            panic!("{images:?}");
        };
        let images = Tensor::from_slice(images, (n, 3, SIZE, SIZE), &Device::Cpu)?;
        let mut logits = self.network.forward_eval(&images)?.flatten_all()?.to_vec1()?;
        (self.change)(&mut logits);
        Ok(logits)
    }
}

fn compare_changed(precision: Precision, change: impl Fn(&mut Vec<f32>)) -> Result<Agreement> {
    let options = ExportOptions {
        precision,
        ..ExportOptions::default()
    };
    compare_with(options, change)
}

/// As [`compare_changed`], for a float16 file that outputs probabilities.
fn compare_probabilities(change: impl Fn(&mut Vec<f32>)) -> Result<Agreement> {
    let options = ExportOptions {
        precision: Precision::Fp16,
        softmax: true,
        ..ExportOptions::default()
    };
    compare_with(options, |logits| {
        logits.chunks_mut(5).for_each(softmax);
        change(logits);
    })
}

fn compare_with(options: ExportOptions, change: impl Fn(&mut Vec<f32>)) -> Result<Agreement> {
    let weights = weights(1);
    let network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    compare(&mut Changed { network, change }, &weights, &options)
}

#[test]
fn equal_outputs_pass() {
    let agreement = compare_changed(Precision::Fp32, |_| {}).unwrap();
    let differences = agreement.comparison.differences();
    assert_eq!((differences.largest, differences.images), (0.0, 3));
}

#[test]
fn outputs_that_differ_do_not_pass() {
    let fails = |precision, change: fn(&mut Vec<f32>)| compare_changed(precision, change).is_err();
    assert!(fails(Precision::Fp32, |logits| logits[3] += 0.01));
    assert!(!fails(Precision::Fp16, |logits| logits[3] += 0.01));
    assert!(fails(Precision::Fp16, |logits| logits[3] += 1.0));
    assert!(fails(Precision::Fp32, |logits| logits[0] = f32::NAN));
    assert!(fails(Precision::Fp32, |logits| logits[0] = f32::INFINITY));
    assert!(fails(Precision::Fp32, |logits| logits.truncate(1)));
    // With 5 classes: the two pictures of the second batch change places.
    assert!(fails(Precision::Fp32, |logits| logits.rotate_left(5)));
}

#[test]
fn probabilities_are_compared_as_closely_as_logits() {
    let agreement = compare_probabilities(|_| {}).unwrap();
    assert!(agreement.comparison.differences().largest < 1e-6, "{agreement}");
    let set_least = |found: &mut [f32], value: fn(f32) -> f32| {
        let least = found[..5].iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
        *least = value(*least);
    };
    // Small as a probability, but its logit is off by one.
    assert!(compare_probabilities(|found| set_least(found, |p| p * std::f32::consts::E)).is_err());
    assert!(compare_probabilities(|found| set_least(found, |_| 0.0)).is_err());
    assert!(compare_probabilities(|found| found.fill(0.2)).is_err());
    assert!(compare_probabilities(|found| found[3] = f32::NAN).is_err());
}

#[test]
fn a_file_of_other_weights_does_not_pass() {
    let options = ExportOptions::default();
    let (ours, others) = (weights(1), weights(2));
    let bytes = export(&ours, &options).unwrap().to_bytes();
    check(&bytes, &Exporter::new(&ours), &options).unwrap();
    let error = check(&bytes, &Exporter::new(&others), &options).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("weights_sha256"), "{message}");
}

#[test]
fn a_damaged_constant_does_not_pass() {
    let options = ExportOptions::default();
    let weights = weights(1);
    let model = export(&weights, &options).unwrap();
    let mut proto = model.proto().clone();
    let tensor = proto.graph.as_mut().unwrap().initializer.last_mut().unwrap();
    tensor.raw_data.as_mut().unwrap()[0] ^= 1;
    let bytes = Model::from(proto).to_bytes();
    let error = check(&bytes, &Exporter::new(&weights), &options).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("constants"), "{message}");
}
