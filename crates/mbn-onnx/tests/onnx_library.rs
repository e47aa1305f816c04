//! ONNX's own checker and ONNX Runtime on what the exporter writes, where a Python with them is at hand.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the unit tests use the rest")]
mod fixtures;

use std::path::{Path, PathBuf};

use mbn_onnx::{ExportOptions, InputKind, OPSETS, Precision, export};
use mbn_spec::{Activation, Alpha, Architecture, Metadata, Preprocess, Stride2Padding, Variant, Weights};
use mbn_testing::{Python, Tensors, Tolerance, reference_dir};

/// Two float32 programs for the same sums, relative to logits of about 5.
const SAME_SUMS: &str = "1e-4";
/// float16 keeps 11 bits, and logits of about 5 come out of 28 layers.
const HALF: &str = "2e-2";

fn write(folder: &Path, name: &str, weights: &Weights, options: &ExportOptions) -> PathBuf {
    let path = folder.join(format!("{name}.onnx"));
    std::fs::write(&path, export(weights, options).unwrap().to_bytes()).unwrap();
    path
}

fn sample(alpha: Alpha, variant: Variant, size: usize) -> Weights {
    let metadata = Metadata {
        preprocess: Some(Preprocess {
            size,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let architecture = Architecture {
        variant,
        ..Architecture::new(alpha, 10)
    };
    fixtures::weights(architecture, metadata)
}

/// Every form of the same network, with the precision in which it computes.
fn forms(folder: &Path, weights: &Weights) -> Vec<(PathBuf, Precision)> {
    let mut forms = Vec::new();
    for fold in [true, false] {
        for precision in [Precision::Fp32, Precision::Fp16] {
            for input in [InputKind::Float, InputKind::Uint8] {
                for softmax in [false, true] {
                    let options = ExportOptions {
                        fold,
                        precision,
                        input,
                        softmax,
                        ..ExportOptions::default()
                    };
                    let name = format!("{fold}-{precision}-{input:?}-{softmax}");
                    forms.push((write(folder, &name, weights, &options), precision));
                }
            }
        }
    }
    forms
}

#[test]
fn every_form_passes_the_checker() {
    let Some(python) = Python::find("every_form_passes_the_checker", &["onnx"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let weights = sample(Alpha::Quarter, Variant::default(), 224);
    let mut paths: Vec<_> = forms(folder.path(), &weights)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    for opset in OPSETS {
        for (fold, precision) in [
            (true, Precision::Fp32),
            (false, Precision::Fp32),
            (true, Precision::Fp16),
        ] {
            let options = ExportOptions {
                opset,
                fold,
                precision,
                input: InputKind::Uint8,
                softmax: true,
            };
            let name = format!("opset-{opset}-{fold}-{precision}");
            paths.push(write(folder.path(), &name, &weights, &options));
        }
    }
    for alpha in Alpha::ALL {
        let weights = sample(alpha, Variant::default(), 224);
        let name = format!("alpha-{alpha}");
        paths.push(write(folder.path(), &name, &weights, &ExportOptions::default()));
    }
    let printed = python.run("check_model.py", &paths);
    assert_eq!(printed.lines().count(), paths.len());
    assert!(
        printed.lines().all(|line| line.ends_with(" ['batch', 10]")),
        "{printed}"
    );
}

#[test]
fn every_form_computes_the_same() {
    let Some(python) = Python::find("every_form_computes_the_same", &["onnxruntime", "numpy"]) else {
        return;
    };
    let variants = [
        Variant::default(),
        Variant {
            activation: Activation::Relu6,
            batch_norm_epsilon: 1e-3,
            stride2_padding: Stride2Padding::End,
        },
    ];
    for variant in variants {
        let folder = tempfile::tempdir().unwrap();
        let forms = forms(folder.path(), &sample(Alpha::Quarter, variant, 96));
        let reference = &forms[0].0;
        for (precision, tolerance) in [(Precision::Fp32, SAME_SUMS), (Precision::Fp16, HALF)] {
            let paths = forms
                .iter()
                .filter(|form| form.1 == precision)
                .map(|form| &form.0);
            let args = [reference.clone(), tolerance.into()];
            let printed = python.run("compare_forms.py", args.iter().chain(paths));
            eprintln!("{precision}: {}", printed.replace('\n', " "));
        }
    }
}

#[test]
fn every_opset_runs() {
    let Some(python) = Python::find("every_opset_runs", &["onnxruntime", "numpy"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let weights = sample(Alpha::Quarter, Variant::default(), 64);
    let write = |opset| {
        let options = ExportOptions {
            opset,
            fold: false,
            input: InputKind::Uint8,
            softmax: true,
            ..ExportOptions::default()
        };
        write(folder.path(), &format!("opset-{opset}"), &weights, &options)
    };
    let reference = folder.path().join("reference.onnx");
    let bytes = export(&weights, &ExportOptions::default()).unwrap().to_bytes();
    std::fs::write(&reference, bytes).unwrap();
    let paths: Vec<_> = OPSETS.map(write).collect();
    let args = [reference, SAME_SUMS.into()];
    python.run("compare_forms.py", args.iter().chain(&paths));
}

#[test]
fn the_reference_weights_give_the_reference_logits() {
    let test = "the_reference_weights_give_the_reference_logits";
    let Some(reference) = reference_dir(test, "alpha_0.25") else {
        return;
    };
    let Some(python) = Python::find(test, &["onnxruntime", "numpy", "safetensors"]) else {
        return;
    };
    let weights = Weights::load(&reference.join("state_dict.safetensors")).unwrap();
    let tensors = Tensors::read(&reference.join("eval.safetensors"));
    let ((input_shape, input), (logits_shape, logits)) = (tensors.floats("input"), tensors.floats("logits"));
    let folder = tempfile::tempdir().unwrap();
    let models = [true, false].map(|fold| {
        let options = ExportOptions {
            fold,
            ..ExportOptions::default()
        };
        write(folder.path(), &format!("fold-{fold}"), &weights, &options)
    });
    let tolerance = Tolerance::LOGITS.absolute;
    python.compare_outputs(
        (&input_shape, &input),
        (&logits_shape, &logits),
        tolerance,
        &models,
    );
}
