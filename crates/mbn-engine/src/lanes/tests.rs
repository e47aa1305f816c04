//! Order, overlap and errors of lanes whose engine is an echo.

use std::sync::Barrier;

use super::*;
use crate::images::{PixelBuffer, Pixels};

/// Returns each image's only value. With a barrier it first waits until another engine runs too.
struct Echo(Option<Arc<Barrier>>);

impl Engine for Echo {
    fn describe(&self) -> String {
        "echo".to_owned()
    }

    fn classes(&self) -> usize {
        1
    }

    fn pixel_type(&self) -> PixelType {
        PixelType::Float
    }

    fn is_grey(&self) -> bool {
        true
    }

    fn logits(&mut self, images: Pixels<'_>, _: usize) -> Result<Vec<f32>, EngineError> {
        let Pixels::Float(images) = images else {
            panic!("{images:?}");
        };
        if let Some(barrier) = &self.0 {
            barrier.wait();
        }
        if images.contains(&f32::INFINITY) {
            return Err(EngineError::Refused("an infinite value".to_owned()));
        }
        Ok(images.to_vec())
    }
}

fn echo(barrier: Option<Arc<Barrier>>) -> Build {
    Box::new(|| Ok(Box::new(Echo(barrier))))
}

fn images(values: &[f32]) -> Arc<Images> {
    Arc::new(PixelBuffer::Float(values.to_vec()).into())
}

#[test]
fn batches_come_back_in_their_order() {
    let mut lanes = Lanes::start([echo(None), echo(None)]).unwrap();
    assert_eq!((lanes.describe(), lanes.classes(), lanes.count()), ("echo", 1, 2));
    assert!(lanes.is_grey() && lanes.pixel_type() == PixelType::Float);
    let values: Vec<f32> = (0..40).map(|i| i as f32).collect();
    let images = images(&values);
    let batches: Vec<_> = (0..20)
        .map(|i| lanes.submit(&images, 2 * i..2 * i + 2, 2))
        .collect();
    let found: Vec<f32> = batches
        .iter()
        .flat_map(|batch| batch.wait().logits.unwrap())
        .collect();
    assert_eq!(found, values);
}

#[test]
fn two_batches_run_at_the_same_time() {
    // Neither engine returns before the other runs: one after the other they would hang.
    let barrier = Arc::new(Barrier::new(2));
    let builds = [echo(Some(barrier.clone())), echo(Some(barrier))];
    let mut lanes = Lanes::start(builds).unwrap();
    let images = images(&[1.0, 2.0]);
    let (a, b) = (lanes.submit(&images, 0..1, 1), lanes.submit(&images, 1..2, 1));
    assert_eq!(a.wait().logits.unwrap(), [1.0]);
    assert_eq!(b.wait().logits.unwrap(), [2.0]);
}

#[test]
fn an_error_belongs_to_its_batch() {
    let mut lanes = Lanes::start([echo(None)]).unwrap();
    let images = images(&[f32::INFINITY, 2.0]);
    let (a, b) = (lanes.submit(&images, 0..1, 1), lanes.submit(&images, 1..2, 1));
    assert_eq!(
        a.wait().logits.unwrap_err().to_string(),
        "ONNX Runtime refuses it: an infinite value"
    );
    assert_eq!(b.wait().logits.unwrap(), [2.0]);
}

#[test]
fn an_engine_that_cannot_be_built_is_an_error() {
    let broken: Build = Box::new(|| Err(EngineError::Empty));
    let error = Lanes::start([echo(None), broken]).map(drop).unwrap_err();
    assert!(matches!(error, EngineError::Empty), "{error}");
    assert!(Lanes::start([]).is_err());
}

#[test]
fn a_thread_that_panics_is_an_error() {
    let panics: Build = Box::new(|| panic!("on purpose"));
    let error = Lanes::start([panics]).map(drop).unwrap_err();
    assert!(error.to_string().contains("ended early"), "{error}");
}
