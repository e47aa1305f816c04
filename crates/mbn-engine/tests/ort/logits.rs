//! Logits of every kind of file that `mbn-onnx` writes, at several batch sizes.

use mbn_engine::EngineError;
use mbn_engine::engine::Engine;
use mbn_engine::images::{PixelType, Pixels};
use mbn_onnx::{ExportOptions, InputKind, Precision};

use crate::common::{CLASSES, Pictures, SAME_NETWORK, assert_same, engine, runtime};

/// The graph normalises bytes with one product and one sum, which rounds differently.
const NORMALISED_INSIDE: f32 = 1e-4;
/// Logits near 1, after 28 layers with eleven bits in each value.
const HALF_PRECISION: f32 = 5e-2;

#[test]
fn the_batch_does_not_change_the_logits() {
    let Some(runtime) = runtime() else { return };
    let mut engine = engine(&runtime, &ExportOptions::default());
    let pictures = Pictures::new(7);
    let together = pictures.logits(&mut engine);
    assert_eq!(together.len(), 7 * CLASSES);
    assert_ne!(together[..CLASSES], together[CLASSES..2 * CLASSES]);
    let images = pictures.floats.chunks(pictures.floats.len() / 7);
    for (image, expected) in images.zip(together.chunks(CLASSES)) {
        let alone = engine.logits(Pixels::Float(image), 1).unwrap();
        assert_same(&alone, expected, SAME_NETWORK);
    }
    assert!(engine.logits(Pixels::Float(&[]), 0).unwrap().is_empty());
    assert!(engine.logits(Pixels::Float(&pictures.floats[1..]), 7).is_err());
}

#[test]
fn an_input_of_bytes_gets_the_bytes() {
    let Some(runtime) = runtime() else { return };
    let pictures = Pictures::new(2);
    let expected = pictures.logits(&mut engine(&runtime, &ExportOptions::default()));
    let options = ExportOptions {
        input: InputKind::Uint8,
        ..ExportOptions::default()
    };
    let mut engine = engine(&runtime, &options);
    assert_eq!(engine.pixel_type(), PixelType::Uint8);
    assert_same(&pictures.logits(&mut engine), &expected, NORMALISED_INSIDE);
    let floats = engine.logits(pictures.pixels(PixelType::Float), 2);
    assert!(matches!(floats, Err(EngineError::PixelType { .. })), "{floats:?}");
}

#[test]
fn float16_files_give_float32_logits() {
    let Some(runtime) = runtime() else { return };
    let pictures = Pictures::new(2);
    let expected = pictures.logits(&mut engine(&runtime, &ExportOptions::default()));
    let options = ExportOptions {
        precision: Precision::Fp16,
        ..ExportOptions::default()
    };
    let found = pictures.logits(&mut engine(&runtime, &options));
    assert_same(&found, &expected, HALF_PRECISION);
}
