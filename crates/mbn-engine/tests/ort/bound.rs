//! Batches in buffers that are allocated once, on one thread and on two.

use std::sync::Arc;

use mbn_engine::cuda::CudaError;
use mbn_engine::engine::{BatchLimit, Engine, Halving, OrtEngine, Reading};
use mbn_engine::images::{Images, PixelBuffer};
use mbn_engine::lanes::{Build, Lanes};
use mbn_onnx::{ExportOptions, InputKind};

use crate::common::{CLASSES, Pictures, SAME_NETWORK, assert_same, engine, fixed, runtime, source};

#[test]
fn bound_buffers_give_the_same_logits_for_full_and_partial_batches() {
    let Some(runtime) = runtime() else { return };
    let default = ExportOptions::default();
    let byte_input = ExportOptions {
        input: InputKind::Uint8,
        ..default
    };
    for options in [default, byte_input] {
        let mut plain = engine(&runtime, &options);
        let mut bound = OrtEngine::load(&runtime, &source(&options), &fixed(4), &Reading::default()).unwrap();
        let (pictures, kind) = (Pictures::new(11), bound.pixel_type());
        let expected = pictures.logits(&mut plain);
        // Two full batches and one that is filled up.
        assert_same(&pictures.logits(&mut bound), &expected, SAME_NETWORK);
        // What an earlier batch left in the buffers does not show.
        for n in [1, 4, 3] {
            let found = bound.logits(pictures.first(n, kind), n).unwrap();
            assert_same(&found, &expected[..n * CLASSES], SAME_NETWORK);
        }
        let images = pictures.pixels(kind);
        assert!(bound.logits(images.range(1..images.len()), 11).is_err());
        assert!(bound.logits(images.range(0..0), 0).unwrap().is_empty());
    }
}

#[test]
fn halving_runs_bound_sessions_of_smaller_batches() {
    let Some(runtime) = runtime() else { return };
    let source = source(&ExportOptions::default());
    let pictures = Pictures::new(9);
    let expected = pictures.logits(&mut engine(&runtime, &ExportOptions::default()));
    let mut built = Vec::new();
    let build = |batch: usize| {
        built.push(batch);
        if batch > 3 {
            let reason = "Failed to allocate memory for requested buffer of size 1".to_owned();
            let error = CudaError::OutOfMemory { index: 0, reason };
            return Err(error.into());
        }
        Ok(Box::new(OrtEngine::load(
            &runtime,
            &source,
            &fixed(batch),
            &Reading::default(),
        )?) as Box<dyn Engine>)
    };
    let mut halving = Halving::start(BatchLimit::new(12), build).unwrap();
    assert_same(&pictures.logits(&mut halving), &expected, SAME_NETWORK);
    assert_eq!(halving.classes(), CLASSES);
    drop(halving);
    assert_eq!(built, [12, 6, 3]);
}

#[test]
fn bound_sessions_on_two_threads_do_not_mix_their_batches() {
    let Some(runtime) = runtime() else { return };
    let builds = (0..2).map(|_| -> Build {
        let runtime = runtime.clone();
        Box::new(move || {
            let source = source(&ExportOptions::default());
            Ok(Box::new(OrtEngine::load(
                &runtime,
                &source,
                &fixed(2),
                &Reading::default(),
            )?))
        })
    });
    let mut lanes = Lanes::start(builds).unwrap();
    let pictures = Pictures::new(40);
    let expected = pictures.logits(&mut engine(&runtime, &ExportOptions::default()));
    let image_len = pictures.floats.len() / 40;
    let values = Arc::new(Images::from(PixelBuffer::Float(pictures.floats)));
    let batches: Vec<_> = (0..20)
        .map(|i| lanes.submit(&values, 2 * i * image_len..2 * (i + 1) * image_len, 2))
        .collect();
    let found: Vec<f32> = batches
        .iter()
        .flat_map(|batch| batch.wait().logits.unwrap())
        .collect();
    assert_same(&found, &expected, SAME_NETWORK);
}
