//! Outputs that differ from candle's.

use candle_core::{Device, Tensor};
use mbn_engine::EngineError;
use mbn_engine::images::Pixels;
use mbn_model::Network;

use super::*;
use crate::fixtures::{SIZE, weights};

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

    fn is_grey(&self) -> bool {
        false
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

fn prove_changed(precision: ModelPrecision, change: impl Fn(&mut Vec<f32>)) -> Result<Proof> {
    let weights = weights(1);
    let network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    let subject = Subject {
        preprocess: weights.metadata().preprocess.unwrap(),
        precision,
        batch: None,
        any_size: false,
        pictures: None,
    };
    let mut reference = Reference::weights(&weights).unwrap();
    let proof = prove(&mut Changed { network, change }, &mut reference, None, &subject)?;
    proof.verdict().map(|()| proof)
}

#[test]
fn equal_outputs_pass() {
    let proof = prove_changed(ModelPrecision::Float32, |_| {}).unwrap();
    let batches: Vec<_> = proof.cases.iter().map(|case| case.batch).collect();
    assert_eq!(batches, BATCHES);
    for case in &proof.cases {
        let differences = case.comparison.differences();
        assert_eq!((differences.largest, differences.images), (0.0, case.batch));
    }
    let text = proof.to_string();
    assert!(
        text.contains("on 10 noise pictures in batches of 1, 2 and 7"),
        "{text}"
    );
    assert!(text.contains("the first class agrees on 10 of 10"), "{text}");
}

#[test]
fn outputs_that_differ_do_not_pass() {
    let fails = |precision, change: fn(&mut Vec<f32>)| prove_changed(precision, change).is_err();
    assert!(fails(ModelPrecision::Float32, |logits| logits[3] += 0.01));
    assert!(!fails(ModelPrecision::Float16, |logits| logits[3] += 0.01));
    assert!(fails(ModelPrecision::Float16, |logits| logits[3] += 1.0));
    assert!(fails(ModelPrecision::Float32, |logits| logits[0] = f32::NAN));
    assert!(fails(ModelPrecision::Float32, |logits| logits[0] = f32::INFINITY));
    assert!(fails(ModelPrecision::Float32, |logits| logits.truncate(1)));
    // With 5 classes: the two pictures of the second batch change places.
    assert!(fails(ModelPrecision::Float32, |logits| logits.rotate_left(5)));
}

/// What is allowed grows with the reference's values: the case with the largest difference may have the most room.
#[test]
fn the_largest_difference_of_all_cases_is_told() {
    let case = |batch: usize, largest_value: f32, difference: f32| {
        let tolerance = Tolerance::of(ModelPrecision::Float16, &Provider::Cpu);
        let mut comparison = Comparison::new(tolerance, false);
        let expected = [largest_value, 0.0];
        comparison
            .add(1, &[largest_value + difference, 0.0], &expected)
            .unwrap();
        Case {
            noise: true,
            batch,
            comparison,
            float: None,
        }
    };
    let text = |cases: Vec<Case>| {
        let engine = "an engine".to_owned();
        Proof { cases, engine }.to_string()
    };
    let found = text(vec![case(1, 2.0, 0.0625), case(2, 100.0, 1.0), case(7, 2.0, 0.0)]);
    assert!(found.starts_with("largest difference 1.0e0,"), "{found}");
    assert!(found.contains("5.0e0 allowed"), "{found}");
    assert!(
        found.contains("nearest to what is allowed is 6.2e-2 of 1.0e-1, in batches of 1"),
        "{found}"
    );
    let found = text(vec![case(1, 2.0, 0.0625), case(2, 2.0, 0.03125)]);
    assert!(found.starts_with("largest difference 6.2e-2,"), "{found}");
    assert!(!found.contains("nearest"), "{found}");
}
