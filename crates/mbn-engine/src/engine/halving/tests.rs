//! Halving with an engine whose memory holds a given number of images.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::cuda::CudaError;

/// Values of an image.
const IMAGE: usize = 12;

fn out_of_memory() -> EngineError {
    CudaError::OutOfMemory {
        index: 0,
        reason: "Failed to allocate memory".into(),
    }
    .into()
}

/// An engine of one class, whose logit is the image's first value. `room` is the batch that its memory holds; `seen`
/// collects the number of images of each call.
struct Fake {
    batch: usize,
    room: Rc<RefCell<usize>>,
    seen: Rc<RefCell<Vec<usize>>>,
}

impl Engine for Fake {
    fn describe(&self) -> String {
        format!("fake for {}", self.batch)
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

    fn features(&self) -> Option<usize> {
        Some(1)
    }

    fn logits_and_features(
        &mut self,
        images: Pixels<'_>,
        n: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), EngineError> {
        let logits = self.logits(images, n)?;
        let features = logits.iter().map(|logit| -logit).collect();
        Ok((logits, features))
    }

    fn logits(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError> {
        let Pixels::Float(images) = images else {
            panic!("{images:?}");
        };
        assert_eq!(images.len(), n * IMAGE);
        assert!(n <= self.batch, "{n} images in buffers for {}", self.batch);
        self.seen.borrow_mut().push(n);
        if self.batch > *self.room.borrow() {
            return Err(out_of_memory());
        }
        Ok(images.chunks(IMAGE).map(|image| image[0]).collect())
    }
}

type Build = Box<dyn FnMut(usize) -> Result<Box<dyn Engine>, EngineError>>;

struct Setup {
    room: Rc<RefCell<usize>>,
    seen: Rc<RefCell<Vec<usize>>>,
    built: Rc<RefCell<Vec<usize>>>,
    limit: Arc<BatchLimit>,
}

fn setup(limit: usize, room: usize) -> Setup {
    Setup {
        room: Rc::new(room.into()),
        seen: Rc::default(),
        built: Rc::default(),
        limit: BatchLimit::new(limit),
    }
}

impl Setup {
    fn start(&self) -> Result<Halving<Build, Box<dyn Engine>>, EngineError> {
        let (room, seen, built) = (self.room.clone(), self.seen.clone(), self.built.clone());
        let build: Build = Box::new(move |batch| {
            built.borrow_mut().push(batch);
            let (room, seen) = (room.clone(), seen.clone());
            Ok(Box::new(Fake { batch, room, seen }))
        });
        Halving::start(self.limit.clone(), build)
    }
}

fn images(n: usize) -> (Vec<f32>, Vec<f32>) {
    let values: Vec<f32> = (0..n * IMAGE).map(|i| i as f32).collect();
    let firsts = values.chunks(IMAGE).map(|image| image[0]).collect();
    (values, firsts)
}

#[test]
fn a_batch_that_fits_is_run_at_once() {
    let setup = setup(8, 8);
    let mut engine = setup.start().unwrap();
    let (images, expected) = images(8);
    assert_eq!(engine.logits(Pixels::Float(&images), 8).unwrap(), expected);
    assert_eq!(*setup.seen.borrow(), [8]);
    assert_eq!((engine.describe().as_str(), engine.classes()), ("fake for 8", 1));
    assert!(engine.is_grey() && engine.pixel_type() == PixelType::Float);
    assert!(engine.logits(Pixels::Float(&[]), 0).unwrap().is_empty());
}

#[test]
fn the_batch_is_halved_until_it_fits_and_no_image_is_lost() {
    let setup = setup(16, 5);
    let mut engine = setup.start().unwrap();
    let (images, expected) = images(15);
    assert_eq!(engine.logits(Pixels::Float(&images), 15).unwrap(), expected);
    assert_eq!(*setup.seen.borrow(), [15, 8, 4, 4, 4, 3]);
    assert_eq!(*setup.built.borrow(), [16, 8, 4]);
    assert_eq!(setup.limit.get(), 4);
}

#[test]
fn features_are_halved_with_the_logits() {
    let setup = setup(16, 5);
    let mut engine = setup.start().unwrap();
    assert_eq!(engine.features(), Some(1));
    let (images, logits) = images(15);
    let features = logits.iter().map(|logit| -logit).collect();
    let found = engine.logits_and_features(Pixels::Float(&images), 15).unwrap();
    assert_eq!(found, (logits, features));
    assert_eq!(setup.limit.get(), 4);
}

#[test]
fn candle_says_in_words_that_memory_runs_out() {
    let error = |words: &str| EngineError::Candle(candle_core::Error::msg(words));
    assert!(error("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")").is_out_of_memory());
    assert!(!error("DriverError(CUDA_ERROR_ILLEGAL_ADDRESS)").is_out_of_memory());
}

#[test]
fn memory_that_runs_out_later_halves_what_is_left() {
    let setup = setup(8, 8);
    let mut engine = setup.start().unwrap();
    let (images, expected) = images(8);
    assert_eq!(engine.logits(Pixels::Float(&images), 8).unwrap(), expected);
    *setup.room.borrow_mut() = 2;
    assert_eq!(engine.logits(Pixels::Float(&images), 8).unwrap(), expected);
    assert_eq!(setup.limit.get(), 2);
}

#[test]
fn no_memory_for_one_image_is_an_error() {
    let setup = setup(4, 0);
    let mut engine = setup.start().unwrap();
    let error = engine.logits(Pixels::Float(&images(4).0), 4).unwrap_err();
    assert!(error.is_out_of_memory(), "{error}");
    assert_eq!(*setup.built.borrow(), [4, 2, 1]);
}

#[test]
fn building_is_tried_with_smaller_batches_too() {
    let limit = BatchLimit::new(32);
    let mut tried = Vec::new();
    let build = |batch| {
        tried.push(batch);
        if batch > 8 {
            return Err(out_of_memory());
        }
        let (room, seen) = (Rc::new(RefCell::new(8)), Rc::default());
        Ok(Box::new(Fake { batch, room, seen }) as Box<dyn Engine>)
    };
    assert_eq!(Halving::start(limit.clone(), build).unwrap().classes(), 1);
    assert_eq!((tried, limit.get()), (vec![32, 16, 8], 8));
}

#[test]
fn other_errors_are_not_retried() {
    let mut builds = 0;
    let limit = BatchLimit::new(4);
    let build = |_| -> Result<Box<dyn Engine>, EngineError> {
        builds += 1;
        Err(EngineError::Refused("broken".to_owned()))
    };
    assert!(Halving::start(limit.clone(), build).is_err());
    assert_eq!((builds, limit.get()), (1, 4));
}

#[test]
fn two_engines_halve_a_shared_limit_once() {
    let setup = setup(8, 4);
    let (mut a, mut b) = (setup.start().unwrap(), setup.start().unwrap());
    let (images, expected) = images(8);
    assert_eq!(a.logits(Pixels::Float(&images), 8).unwrap(), expected);
    assert_eq!(b.logits(Pixels::Float(&images), 8).unwrap(), expected);
    assert_eq!(setup.limit.get(), 4);
    // The second was told by the first.
    assert_eq!(*setup.built.borrow(), [8, 8, 4, 4]);
    // One that failed with the old limit while the other lowered it does not lower it again.
    assert!(setup.limit.lower(8));
    assert_eq!(setup.limit.get(), 4);
}
