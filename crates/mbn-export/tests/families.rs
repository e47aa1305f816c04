//! Weight files of timm, transformers and pytorchcv: candle, the exported model and the library's own network agree.
//!
//! `tests/reference/make_families.py` computes the same weights and pictures, and had the libraries' networks run on them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use candle_core::{Device, Tensor};
use common::runtime;
use mbn_engine::engine::{Engine, OrtEngine};
use mbn_engine::images::Pixels;
use mbn_model::{InferenceNetwork, Network};
use mbn_onnx::{ExportOptions, export};
use mbn_spec::{Activation, Centre, Interpolation, Preprocess, Resize, Stride2Padding, Variant};
use mbn_testing::{StoredTensors, Tensors, reference_path, save_tensors, uniform};
use mbn_weights::{WeightFile, Weights};
use predicates::prelude::*;
use predicates::str::contains;
use safetensors::Dtype;
use tempfile::TempDir;

/// Largest difference between logits, as a part of their spread.
const ALLOWED: f64 = 1e-4;
/// What another activation, epsilon or padding must at least change, so that the comparison sees it.
const SEEN: f64 = 1e-2;
const PICTURES: usize = 2;

/// The files that a library writes beside its weights.
const LIBRARIES: [(&str, &[&str], &[usize]); 3] = [
    ("timm", &["config.json"], &[96, 100]),
    (
        "transformers",
        &["config.json", "preprocessor_config.json"],
        &[96, 100],
    ),
    ("pytorchcv", &[], &[96]),
];

fn reference() -> Tensors {
    Tensors::read(&reference_path("families").join("expected.safetensors"))
}

/// Numbers of one tensor of the reference.
fn numbers(tensor: u64) -> impl Iterator<Item = f64> {
    (1..).map(move |at| uniform(((tensor + 1) << 32) + at))
}

/// The values of tensor `i`, as the reference computes them; `statistics` gives those that it stores.
fn value(i: u64, name: &str, shape: &[usize], statistics: &mut impl Iterator<Item = f32>) -> Vec<f32> {
    let len = shape.iter().product::<usize>();
    let numbers = numbers(i).take(len);
    let inputs = shape.iter().skip(1).product::<usize>();
    let values: Vec<f64> = match (name.rsplit('.').next().unwrap(), shape.len()) {
        ("running_mean" | "running_var", _) => return statistics.take(len).collect(),
        ("bias", _) => numbers.map(|number| 0.5 * number).collect(),
        (_, 4) => {
            let bound = (6.0 / inputs as f64).sqrt();
            let scaled = numbers
                .enumerate()
                .map(|(j, number)| number * bound * [1.0, 0.5, 0.25, 0.125][j / inputs % 4]);
            scaled.collect()
        }
        (_, 2) => {
            let scale = 5.0 / (inputs as f64).sqrt();
            numbers.map(|number| number * scale).collect()
        }
        _ => {
            let enlarged = |(j, number): (usize, f64)| {
                let value = 1.0 + 0.2 * number;
                if j % 16 == 0 { 3.0 * value } else { value }
            };
            numbers.enumerate().map(enlarged).collect()
        }
    };
    values.into_iter().map(|value| value as f32).collect()
}

/// The tensors of a library's file.
fn tensors(library: &str, reference: &Tensors) -> StoredTensors {
    let names = std::fs::read(reference_path("families").join(library).join("names.json")).unwrap();
    let names: Vec<(String, Vec<usize>)> = serde_json::from_slice(&names).unwrap();
    let (_, statistics) = reference.floats(&format!("{library}.statistics"));
    let mut statistics = statistics.into_iter();
    let tensor = |(i, (name, shape)): (usize, (String, Vec<usize>))| {
        if shape.is_empty() {
            return (name, (Dtype::I64, shape, 7i64.to_le_bytes().to_vec()));
        }
        let values = value(i as u64, &name, &shape, &mut statistics);
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        (name, (Dtype::F32, shape, bytes))
    };
    names.into_iter().enumerate().map(tensor).collect()
}

/// A folder as the library writes it.
fn folder(library: &str, beside: &[&str], reference: &Tensors) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    save_tensors(&path, &tensors(library, reference));
    for file in beside {
        let source = reference_path("families").join(library).join(file);
        std::fs::copy(source, folder.path().join(file)).unwrap();
    }
    (folder, path)
}

/// The reference's pictures, normalised: `[PICTURES, 3, size, size]`.
fn pictures(preprocess: &Preprocess) -> Vec<f32> {
    let size = preprocess.size;
    let mut values = Vec::new();
    for i in 0..PICTURES as u64 {
        let squares: Vec<f64> = numbers(1000 + 2 * i).take(75).collect();
        let mut noise = numbers(1001 + 2 * i);
        for (c, y, x) in (0..3 * size * size).map(|at| (at / size / size, at / size % size, at % size)) {
            let square = squares[c * 25 + y * 5 / size * 5 + x * 5 / size];
            let byte = (128.0 + 90.0 * square + 30.0 * noise.next().unwrap()).floor();
            let (mean, std) = (f64::from(preprocess.mean[c]), f64::from(preprocess.std[c]));
            values.push(((byte / 255.0 - mean) / std) as f32);
        }
    }
    values
}

/// The largest difference of logits, as a part of the spread of those expected.
fn difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    let largest = pairs.map(|(found, expected)| (f64::from(*found) - expected).abs());
    let (low, high) = expected.iter().fold((f64::MAX, f64::MIN), |(low, high), &value| {
        (low.min(value), high.max(value))
    });
    largest.fold(0.0, f64::max) / (high - low)
}

fn candle(weights: &Weights, images: &[f32], size: usize) -> [Vec<f32>; 2] {
    let images = Tensor::from_slice(images, (PICTURES, 3, size, size), &Device::Cpu).unwrap();
    let mut network = Network::from_weights(weights, &Device::Cpu).unwrap();
    let folded = InferenceNetwork::new(&weights.fold(), &Device::Cpu).unwrap();
    [
        network.forward_eval(&images).unwrap(),
        folded.forward(&images).unwrap(),
    ]
    .map(|logits| logits.flatten_all().unwrap().to_vec1().unwrap())
}

fn sized(weights: &Weights, size: usize) -> Weights {
    let mut metadata = weights.metadata().clone();
    metadata.preprocess = metadata.preprocess.map(|preprocess| preprocess.with_size(size));
    weights.clone().with_metadata(metadata).unwrap()
}

#[test]
fn every_librarys_weights_give_its_logits() {
    let (reference, runtime) = (reference(), runtime());
    for (library, beside, sizes) in LIBRARIES {
        let (_folder, path) = folder(library, beside, &reference);
        let file = WeightFile::load(&path).unwrap();
        assert_eq!(file.family, library);
        for &size in sizes {
            let weights = sized(&file.weights, size);
            let images = pictures(&weights.metadata().preprocess.unwrap());
            let expected = reference.doubles(&format!("{library}.logits.{size}"));
            for found in candle(&weights, &images, size) {
                let apart = difference(&found, &expected);
                assert!(apart < ALLOWED, "{library} at {size} in candle: {apart:.1e}");
            }
            if let Some(runtime) = &runtime {
                let bytes = export(&weights, &ExportOptions::default()).unwrap().to_bytes();
                let mut engine = OrtEngine::from_bytes(runtime, &bytes, 1).unwrap();
                let found = engine.logits(Pixels::Float(&images), PICTURES).unwrap();
                let apart = difference(&found, &expected);
                assert!(
                    apart < ALLOWED,
                    "{library} at {size} in ONNX Runtime: {apart:.1e}"
                );
            }
            for (what, other) in others(weights.architecture().variant, size) {
                let [found, _] = candle(&weights.clone().with_variant(other), &images, size);
                let apart = difference(&found, &expected);
                assert!(apart > SEEN, "{library} at {size}, another {what}: {apart:.1e}");
            }
        }
    }
}

/// Variants that differ from a library's in one point that shows at a size.
fn others(own: Variant, size: usize) -> Vec<(&'static str, Variant)> {
    let activation = match own.activation {
        Activation::Relu => Activation::Relu6,
        Activation::Relu6 => Activation::Relu,
    };
    let mut others = vec![("activation", Variant { activation, ..own })];
    let batch_norm_epsilon = if own.batch_norm_epsilon < 1e-4 { 1e-3 } else { 1e-5 };
    others.push((
        "epsilon",
        Variant {
            batch_norm_epsilon,
            ..own
        },
    ));
    let paddings = [
        Stride2Padding::Symmetric,
        Stride2Padding::End,
        Stride2Padding::Same,
    ];
    for stride2_padding in paddings
        .into_iter()
        .filter(|padding| *padding != own.stride2_padding)
    {
        let ends = |padding| [Stride2Padding::End, Stride2Padding::Same].contains(&padding);
        // Where 32 divides the size, these two are the same.
        if size.is_multiple_of(32) && ends(stride2_padding) && ends(own.stride2_padding) {
            continue;
        }
        others.push((
            "padding",
            Variant {
                stride2_padding,
                ..own
            },
        ));
    }
    others
}

#[test]
fn what_the_library_writes_beside_its_weights_describes_them() {
    let reference = reference();
    let load = |library: &str, beside: &[&str]| {
        let (folder, path) = folder(library, beside, &reference);
        let file = WeightFile::load(&path).unwrap();
        drop(folder);
        file.weights
    };
    let timm = load("timm", &["config.json"]);
    let preprocess = timm.metadata().preprocess.unwrap();
    assert_eq!(preprocess.interpolation, Interpolation::Bicubic);
    assert_eq!((preprocess.size, preprocess.shorter_side()), (224, 256));
    assert_eq!(timm.architecture().variant.activation, Activation::Relu6);
    // The same as is assumed without the file.
    assert_eq!(load("timm", &[]), timm);
    let transformers = load("transformers", &["config.json", "preprocessor_config.json"]);
    assert_eq!(transformers.class_names()[0], "background");
    assert_eq!(transformers.class_names().len(), 11);
    let preprocess = transformers.metadata().preprocess.unwrap();
    assert_eq!(
        (preprocess.resize, preprocess.shorter_side()),
        (Resize::Crop, 256)
    );
    assert_eq!(
        transformers.architecture().variant,
        load("transformers", &[]).architecture().variant
    );
}

fn mbn_export(folder: &Path, line: &str) -> assert_cmd::assert::Assert {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mbn-export"));
    command.current_dir(folder).args(line.split(' ')).assert()
}

#[test]
fn weights_are_written_in_our_own_form_and_keep_their_logits() {
    let reference = reference();
    for (library, beside, _) in LIBRARIES {
        let (folder, path) = folder(library, beside, &reference);
        mbn_export(folder.path(), "--weights model.safetensors ours.safetensors")
            .success()
            .stderr(contains(format!("names of {library}")).and(contains("Wrote `ours.safetensors`")));
        let ours = folder.path().join("ours.safetensors");
        let file = WeightFile::load(&ours).unwrap();
        assert_eq!(
            (file.family, &file.taken[..], &file.adaptations[..]),
            ("", &[][..], &[][..])
        );
        assert_eq!(file.weights, WeightFile::load(&path).unwrap().weights);
        // Neither its own input nor a link to it is replaced.
        mbn_export(folder.path(), "--weights ours.safetensors ./ours.safetensors")
            .code(2)
            .stderr(contains("is the file that is read"));
    }
}

#[test]
fn options_override_what_the_files_say() {
    let (folder, _) = folder(
        "transformers",
        &["config.json", "preprocessor_config.json"],
        &reference(),
    );
    mbn_export(
        folder.path(),
        "--weights model.safetensors --size 160 --resize crop --shorter 192 --interpolation bicubic --mean 0.1,0.2,0.3 \
         --std 1 --activation relu --epsilon 1e-5 --padding symmetric out.safetensors",
    )
    .success()
    .stderr(contains("assumed").not());
    let weights = Weights::load(&folder.path().join("out.safetensors")).unwrap();
    assert_eq!(weights.architecture().variant, Variant::PYTORCH);
    let expected = Preprocess {
        resize: Resize::Crop,
        centre: Centre::Down,
        interpolation: Interpolation::Bicubic,
        mean: [0.1, 0.2, 0.3],
        std: [1.0; 3],
        ..Preprocess::default().with_size(160).with_shorter(192)
    };
    assert_eq!(weights.metadata().preprocess, Some(expected));
    for (options, code, message) in [
        ("--size 20", 2, "32 to 4096"),
        (
            "--resize square --shorter 256",
            2,
            "no effect without `--resize crop`",
        ),
        ("--activation swish", 2, "`relu` or `relu6`"),
        ("--epsilon 0", 2, "a number above 0"),
        ("--softmax", 2, "no effect on weights"),
    ] {
        mbn_export(
            folder.path(),
            &format!("--weights model.safetensors {options} x.safetensors"),
        )
        .code(code)
        .stderr(contains(message));
    }
    std::fs::write(folder.path().join("config.json"), r#"{"hidden_act": "swish"}"#).unwrap();
    mbn_export(folder.path(), "--weights model.safetensors x.safetensors")
        .code(1)
        .stderr(contains("`config.json` beside it has `hidden_act` \"swish\""));
}

/// Adds a field at the top of a JSON file.
fn add_field(file: &Path, field: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replacen('{', &format!("{{ {field},"), 1)).unwrap();
}

/// Probabilities of classes that do not exclude each other do not sum to 1: whoever runs the weights must know.
#[test]
fn classes_that_do_not_exclude_each_other_are_known_to_be_so() {
    for library in ["transformers", "timm"] {
        exports_sigmoids(library);
    }
}

fn exports_sigmoids(library: &str) {
    let (folder, path) = folder(library, &["config.json"], &reference());
    assert!(!WeightFile::load(&path).unwrap().weights.metadata().multi_label);
    let problem = r#""problem_type": "multi_label_classification""#;
    add_field(&folder.path().join("config.json"), problem);
    mbn_export(folder.path(), "--weights model.safetensors ours.safetensors")
        .success()
        .stderr(contains("a probability is the sigmoid of its logit"));
    for weights in ["model.safetensors", "ours.safetensors"] {
        let weights = format!("--weights {weights} --no-verify out.onnx");
        mbn_export(folder.path(), &weights).success();
        let model = mbn_onnx::Model::load(&folder.path().join("out.onnx")).unwrap();
        assert_eq!(model.property("problem_type"), Some("multi_label_classification"));
        assert!(model.metadata().unwrap().multi_label);
        mbn_export(folder.path(), &format!("{weights} --softmax"))
            .code(1)
            .stderr(contains("classes that exclude each other").and(contains("hint: leave it out")));
    }
}

/// The values of a regression are no logits of classes.
#[test]
fn a_regression_is_not_exported_as_a_classifier() {
    for library in ["transformers", "timm"] {
        let (folder, _) = folder(library, &["config.json"], &reference());
        add_field(
            &folder.path().join("config.json"),
            r#""problem_type": "regression""#,
        );
        for out in ["out.onnx", "ours.safetensors"] {
            mbn_export(folder.path(), &format!("--weights model.safetensors {out}"))
                .code(1)
                .stderr(
                    contains("`config.json` beside it has `problem_type` `regression`, so the network is no classifier")
                        .and(contains("or no `problem_type` if its values are those of classes"))
                        .and(contains("hint: ")),
                );
            assert!(!folder.path().join(out).exists());
        }
    }
}
