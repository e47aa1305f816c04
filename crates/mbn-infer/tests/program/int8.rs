//! int8 files: candle computes their integers.

use std::ops::Range;

use candle_core::Device;
use mbn_onnx::{ExportOptions, Exporter, Model, Precision};
use mbn_quant::{Calibration, LEAST, Method, Pictures};
use mbn_spec::{LayerSet, Metadata, Preprocess, Quantization};
use mbn_weights::QuantizedLayer;
use tempfile::TempDir;

use crate::common::{bare, folder, library, picture, program, success};

const SIZE: usize = 32;

/// One gradient after another.
struct Gradients;

impl Pictures for Gradients {
    fn len(&self) -> usize {
        LEAST
    }

    fn size(&self) -> usize {
        SIZE
    }

    fn batch(&self, pictures: Range<usize>) -> Vec<f32> {
        let pixels = (0..3 * SIZE * SIZE).map(|at| (at % SIZE * 3 + at / SIZE) as f32);
        let wave = |i: usize| {
            let pixels = pixels.clone();
            pixels.map(move |at| 2.0 * (at * 0.01 * (i % 17 + 1) as f32 + i as f32).sin())
        };
        pictures.flat_map(wave).collect()
    }
}

/// Writes `model.onnx` in 8 bits and `own.safetensors`, of random weights for small pictures.
pub fn files(folder: &TempDir, float: LayerSet) {
    let architecture = *mbn_infer::builtin::weights().unwrap().architecture();
    let weights = mbn_model::random_weights(architecture, 8, &Device::Cpu).unwrap();
    let preprocess = Preprocess {
        size: SIZE,
        ..Preprocess::default()
    };
    let metadata = Metadata {
        preprocess: Some(preprocess),
        ..weights.metadata().clone()
    };
    let weights = weights.with_metadata(metadata).unwrap();
    let calibration = Calibration::measure(&weights, &Gradients).unwrap();
    let (quantized, _) = calibration.quantise(Method::default(), float).unwrap();
    let how = Quantization {
        format: "int8".to_owned(),
        keep_float: float.names(&architecture),
        ..Quantization::default()
    };
    let options = ExportOptions {
        precision: Precision::Int8,
        keep_float: float,
        ..ExportOptions::default()
    };
    let exporter = Exporter::new(&weights).with_quantized(quantized, how);
    let model = exporter.export(&options).unwrap();
    std::fs::write(folder.path().join("model.onnx"), model.to_bytes()).unwrap();
    weights.save(&folder.path().join("own.safetensors")).unwrap();
}

#[test]
fn onnx_runtime_and_candle_give_the_same_integers() {
    let Some(library) = library() else { return };
    let folder = folder();
    for i in 0..5 {
        picture(&folder, &format!("{i}.png"));
    }
    // How much stricter the comparison of integers is than that of int8 with float32.
    for (float, stricter) in [(LayerSet::NONE, 50.0), (LayerSet::NONE.with(0), 10.0)] {
        files(&folder, float);
        let tolerance = |arguments: &[&str]| {
            let mut command = bare(&folder);
            command
                .arg("--ort-lib")
                .arg(&library)
                .args(["--parity", "all", "--log-level", "debug"]);
            let run = success(command.args(arguments).arg("."));
            assert!(run.stderr.contains("parity passed"), "{}", run.stderr);
            let named = run.stderr.contains("with the integers in `model.onnx`");
            assert_eq!(named, arguments.is_empty(), "{}", run.stderr);
            let (_, rest) = run.stderr.split_once("tolerance ").unwrap();
            rest.split(')').next().unwrap().parse::<f64>().unwrap()
        };
        // Named weights are what the user wants to compare with. The largest logits of both differ a little.
        let ratio = tolerance(&["--weights", "own.safetensors"]) / tolerance(&[]);
        assert!(
            (ratio / stricter - 1.0).abs() < 0.2,
            "{ratio}, expected {stricter}"
        );
    }
}

#[test]
fn candle_classifies_with_the_files_integers() {
    let folder = folder();
    picture(&folder, "a.png");
    files(&folder, LayerSet::NONE);
    let first = success(program(&folder).args(["--format", "csv", "a.png"]));
    assert!(
        first.stderr.contains("weights: the integers in `model.onnx`"),
        "{}",
        first.stderr
    );
    // Other integers, other probabilities.
    let path = folder.path().join("model.onnx");
    let quantized = Model::load(&path).unwrap().written().unwrap().quantized.unwrap();
    let Some(QuantizedLayer::Bytes(last)) = quantized.layers.last() else {
        unreachable!()
    };
    let old: Vec<u8> = last.weight.iter().map(|&weight| weight as u8).collect();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    bytes[at..at + old.len()].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let second = success(program(&folder).args(["--format", "csv", "a.png"]));
    assert_ne!(first.stdout, second.stdout);
}
