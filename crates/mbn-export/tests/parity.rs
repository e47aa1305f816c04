//! What the exporter writes, run by ONNX Runtime beside candle, and judged by ONNX's own checker.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use candle_core::{Device, Tensor};
use common::runtime;
use mbn_engine::engine::{Engine, OrtEngine};
use mbn_engine::images::{PixelType, Pixels};
use mbn_model::{Network, random_weights};
use mbn_onnx::{ExportOptions, InputKind, OPSETS, Precision, export};
use mbn_spec::{Activation, Alpha, Architecture, Metadata, Preprocess, Stride2Padding, Variant};
use mbn_testing::{Python, Tensors, Tolerance, assert_close, reference_path};
use mbn_weights::Weights;

/// Logits of different pictures must differ by at least this much for a comparison to mean anything.
const LIVELY: f32 = 0.1;
/// float16 keeps 11 bits of every weight and activation, and random weights are the worst case: see
/// `mbn_engine::parity::Tolerance`.
const HALF: Tolerance = Tolerance {
    absolute: 5e-2,
    relative_to_max: 5e-2,
};

/// Pictures, all different: a colour and a wave, rounded to bytes.
struct Pictures {
    n: usize,
    /// `[n, 3, size, size]`, normalised.
    floats: Vec<f32>,
    /// `[n, size, size, 3]`.
    bytes: Vec<u8>,
}

impl Pictures {
    fn new(n: usize, preprocess: &Preprocess) -> Self {
        let size = preprocess.size;
        let byte = |i: usize, c: usize, p: usize| {
            let level = 128.0 + 40.0 * ((i * 5 + c * 3) as f32).sin();
            let (fx, fy) = (0.02 * (i % 9 + 1) as f32, 0.03 * (i % 7 + c) as f32);
            let wave = (fx * (p % size) as f32 + fy * (p / size) as f32).sin();
            (level + 30.0 * wave).round()
        };
        let plane = size * size;
        let floats = (0..n * 3 * plane).map(|at| {
            let (i, c, p) = (at / (3 * plane), at / plane % 3, at % plane);
            let (scale, offset) = preprocess.affine(c);
            byte(i, c, p) * scale + offset
        });
        let bytes = (0..n * plane * 3).map(|at| byte(at / (3 * plane), at % 3, at / 3 % plane) as u8);
        Self {
            n,
            floats: floats.collect(),
            bytes: bytes.collect(),
        }
    }

    /// ONNX Runtime's logits for them.
    fn logits(&self, engine: &mut OrtEngine) -> Vec<f32> {
        let pixels = match engine.pixel_type() {
            PixelType::Float => Pixels::Float(&self.floats),
            PixelType::Uint8 => Pixels::Uint8(&self.bytes),
            PixelType::Pictures => panic!("these graphs do not resize"),
        };
        engine.logits(pixels, self.n).unwrap()
    }
}

fn candle(weights: &Weights, pictures: &Pictures) -> Vec<f32> {
    let size = weights.metadata().preprocess.unwrap_or_default().size;
    let shape = (pictures.n, 3, size, size);
    let images = Tensor::from_slice(&pictures.floats, shape, &Device::Cpu).unwrap();
    let mut network = Network::from_weights(weights, &Device::Cpu).unwrap();
    network
        .forward_eval(&images)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

/// Random weights of alpha 0.25 for pictures of a smaller size, which keeps these tests fast.
fn small_weights(variant: Variant, size: usize) -> Weights {
    let architecture = Architecture {
        variant,
        ..Architecture::new(Alpha::Quarter, 10)
    };
    let weights = random_weights(architecture, 5, &Device::Cpu).unwrap();
    let metadata = Metadata {
        preprocess: Some(Preprocess {
            size,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    network.to_weights(metadata).unwrap()
}

#[test]
fn every_alpha_agrees_with_candle_at_every_batch() {
    let Some(runtime) = runtime() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut paths: Vec<PathBuf> = Vec::new();
    for alpha in Alpha::ALL {
        let weights = random_weights(Architecture::new(alpha, 10), 3, &Device::Cpu).unwrap();
        let bytes = export(&weights, &ExportOptions::default()).unwrap().to_bytes();
        paths.push(folder.path().join(format!("{alpha}.onnx")));
        std::fs::write(paths.last().unwrap(), &bytes).unwrap();
        let mut engine = OrtEngine::from_bytes(&runtime, &bytes, 2).unwrap();
        for n in [1, 2, 7, 64] {
            let pictures = Pictures::new(n, &Preprocess::default());
            let (found, expected) = (pictures.logits(&mut engine), candle(&weights, &pictures));
            assert_close(
                &format!("alpha {alpha}, batch {n}"),
                &found,
                &expected,
                Tolerance::LOGITS,
            );
            let rows: Vec<_> = expected.chunks_exact(10).collect();
            for (i, row) in rows.iter().enumerate().skip(1) {
                let apart = row
                    .iter()
                    .zip(rows[i - 1])
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(
                    apart > LIVELY,
                    "alpha {alpha}: pictures {i} and {} differ by {apart}",
                    i - 1
                );
            }
        }
    }
    if let Some(python) = Python::find(&["onnx"]) {
        let printed = python.run("check_model.py", &paths);
        assert_eq!(printed, "logits ['batch', 10]\n".repeat(4));
    }
}

#[test]
fn every_form_gives_the_same() {
    let Some(runtime) = runtime() else { return };
    let keras = Variant {
        activation: Activation::Relu6,
        batch_norm_epsilon: 1e-3,
        stride2_padding: Stride2Padding::End,
    };
    for variant in [Variant::default(), keras] {
        let weights = small_weights(variant, 96);
        let pictures = Pictures::new(3, &weights.metadata().preprocess.unwrap());
        let logits = candle(&weights, &pictures);
        for options in forms() {
            let bytes = export(&weights, &options).unwrap().to_bytes();
            let found = pictures.logits(&mut OrtEngine::from_bytes(&runtime, &bytes, 1).unwrap());
            let tolerance = match options.precision {
                Precision::Fp32 => Tolerance::LOGITS,
                Precision::Fp16 => HALF,
                Precision::Int8 => unreachable!("it needs calibration, and has tests of its own"),
            };
            assert_close(&format!("{variant:?}, {options:?}"), &found, &logits, tolerance);
        }
    }
}

#[test]
fn every_opset_runs() {
    let Some(runtime) = runtime() else { return };
    let weights = small_weights(Variant::default(), 64);
    let pictures = Pictures::new(2, &weights.metadata().preprocess.unwrap());
    let expected = candle(&weights, &pictures);
    for opset in OPSETS {
        let options = ExportOptions {
            opset,
            fold: false,
            input: InputKind::Uint8,
            softmax: true,
            ..ExportOptions::default()
        };
        let bytes = export(&weights, &options).unwrap().to_bytes();
        let found = pictures.logits(&mut OrtEngine::from_bytes(&runtime, &bytes, 1).unwrap());
        assert_close(&format!("opset {opset}"), &found, &expected, Tolerance::LOGITS);
    }
}

#[test]
fn the_reference_weights_give_the_reference_logits() {
    let Some(runtime) = runtime() else { return };
    let reference = reference_path("alpha_0.25");
    let weights = Weights::load(&reference.join("state_dict.safetensors")).unwrap();
    let tensors = Tensors::read(&reference.join("eval.safetensors"));
    let ((shape, images), (_, logits)) = (tensors.images(), tensors.floats("logits"));
    for fold in [true, false] {
        let options = ExportOptions {
            fold,
            ..ExportOptions::default()
        };
        let bytes = export(&weights, &options).unwrap().to_bytes();
        let mut engine = OrtEngine::from_bytes(&runtime, &bytes, 1).unwrap();
        let found = engine.logits(Pixels::Float(&images), shape[0]).unwrap();
        assert_close(&format!("fold {fold}"), &found, &logits, Tolerance::LOGITS);
    }
}

fn forms() -> Vec<ExportOptions> {
    let mut forms = Vec::new();
    for fold in [true, false] {
        for precision in [Precision::Fp32, Precision::Fp16] {
            for input in [InputKind::Float, InputKind::Uint8] {
                for softmax in [false, true] {
                    forms.push(ExportOptions {
                        fold,
                        precision,
                        input,
                        softmax,
                        ..ExportOptions::default()
                    });
                }
            }
        }
    }
    forms
}
