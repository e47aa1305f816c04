//! What the exporter writes, run by ONNX Runtime beside candle, and judged by ONNX's own checker.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use mbn_infer::engine::{Engine, OrtEngine};
use mbn_infer::runtime::{self, Runtime};
use mbn_model::{Network, random_weights};
use mbn_onnx::{ExportOptions, InputKind, OPSETS, Precision, export};
use mbn_spec::{Activation, Alpha, Architecture, Metadata, Preprocess, Stride2Padding, Variant, Weights};
use mbn_testing::{Needs, Python, Tensors, Tolerance, assert_close, reference_path, skip};

/// Logits of different pictures must be at least so far apart for a comparison to mean anything.
const LIVELY: f32 = 0.1;
/// float16 keeps 11 bits of every weight and activation, and random weights do not help: see `verify`.
const HALF: Tolerance = Tolerance {
    absolute: 5e-2,
    relative_to_max: 5e-2,
};

/// ONNX Runtime. Skips the calling test and returns `None` where there is none.
fn runtime() -> Option<Runtime> {
    let download = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    let implied = std::env::var_os("ORT_DYLIB_PATH").is_none() && download.is_dir();
    match runtime::find(implied.then_some(download.as_path())) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            skip(Needs::Other, format!("{error}; {}", error.hint()));
            None
        }
    }
}

/// Pictures `[n, 3, size, size]`, all different: a colour and a wave, rounded to bytes.
fn pictures(n: usize, preprocess: &Preprocess) -> Vec<f32> {
    let size = preprocess.size;
    let mut images = Vec::with_capacity(n * 3 * size * size);
    for i in 0..n {
        for c in 0..3 {
            let (scale, offset) = preprocess.affine(c);
            let level = 128.0 + 40.0 * ((i * 5 + c * 3) as f32).sin();
            let (fx, fy) = (0.02 * (i % 9 + 1) as f32, 0.03 * (i % 7 + c) as f32);
            images.extend((0..size * size).map(|p| {
                let wave = (fx * (p % size) as f32 + fy * (p / size) as f32).sin();
                (level + 30.0 * wave).round() * scale + offset
            }));
        }
    }
    images
}

fn candle(weights: &Weights, images: &[f32], n: usize) -> Vec<f32> {
    let size = weights.metadata().preprocess.unwrap_or_default().size;
    let images = Tensor::from_slice(images, (n, 3, size, size), &Device::Cpu).unwrap();
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
            let images = pictures(n, &Preprocess::default());
            let (found, expected) = (engine.logits(&images, n).unwrap(), candle(&weights, &images, n));
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
        let images = pictures(3, &weights.metadata().preprocess.unwrap());
        let logits = candle(&weights, &images, 3);
        for options in forms() {
            let bytes = export(&weights, &options).unwrap().to_bytes();
            let found = OrtEngine::from_bytes(&runtime, &bytes, 1)
                .unwrap()
                .logits(&images, 3)
                .unwrap();
            let expected = if options.softmax {
                softmax(&logits)
            } else {
                logits.clone()
            };
            let tolerance = match options.precision {
                Precision::Fp32 => Tolerance::LOGITS,
                Precision::Fp16 => HALF,
            };
            assert_close(&format!("{variant:?}, {options:?}"), &found, &expected, tolerance);
        }
    }
}

#[test]
fn every_opset_runs() {
    let Some(runtime) = runtime() else { return };
    let weights = small_weights(Variant::default(), 64);
    let images = pictures(2, &weights.metadata().preprocess.unwrap());
    let expected = softmax(&candle(&weights, &images, 2));
    for opset in OPSETS {
        let options = ExportOptions {
            opset,
            fold: false,
            input: InputKind::Uint8,
            softmax: true,
            ..ExportOptions::default()
        };
        let bytes = export(&weights, &options).unwrap().to_bytes();
        let found = OrtEngine::from_bytes(&runtime, &bytes, 1)
            .unwrap()
            .logits(&images, 2)
            .unwrap();
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
        let found = engine.logits(&images, shape[0]).unwrap();
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

fn softmax(logits: &[f32]) -> Vec<f32> {
    let rows = logits.chunks_exact(10).flat_map(|row| {
        let exp: Vec<_> = row.iter().map(|logit| logit.exp()).collect();
        let sum: f32 = exp.iter().sum();
        exp.into_iter().map(move |value| value / sum)
    });
    rows.collect()
}
