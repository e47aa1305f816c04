//! Every two options of an export together: the file passes this project's checker, says what it was written with, and computes
//! what candle computes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/quantised.rs"]
mod quantised;

use candle_core::Device;
use common::runtime;
use mbn_export::proof::Proof;
use mbn_export::verify::{Verification, verify};
use mbn_model::random_weights;
use mbn_onnx::{ExportOptions, Exporter, InputKind, InputSize, OPSETS, Precision};
use mbn_spec::{
    Activation, Alpha, Architecture, Centre, Interpolation, LayerSet, Metadata, Preprocess, Resize,
    Stride2Padding, Variant,
};
use mbn_testing::pairwise;
use mbn_weights::Weights;

/// Small inputs keep the test fast.
const SIZES: [usize; 2] = [32, 48];

/// Number of levels of each factor, in the order of `options` and `weights`.
fn levels() -> Vec<usize> {
    let opsets = OPSETS.count();
    vec![
        Alpha::ALL.len(),
        opsets,
        2,
        3,
        2,
        2,
        2,
        3,
        2,
        SIZES.len(),
        2,
        3,
        3,
        2,
    ]
}

fn options(row: &[usize]) -> ExportOptions {
    ExportOptions {
        opset: OPSETS.start() + row[1] as i64,
        batch: [None, Some(3)][row[2]],
        size: [InputSize::Fixed, InputSize::Any, InputSize::Resized][row[3]],
        softmax: row[4] == 1,
        features: row[5] == 1,
        input: [InputKind::Float, InputKind::Uint8][row[6]],
        precision: [Precision::Fp32, Precision::Fp16, Precision::Int8][row[7]],
        fold: row[8] == 1,
        // The first layer, two in a row, and the last one.
        keep_float: [LayerSet::NONE, LayerSet::NONE.with(0).with(7).with(8).with(27)][row[13]],
    }
}

fn weights(row: &[usize]) -> Weights {
    let variant = Variant {
        activation: [Activation::Relu, Activation::Relu6][row[10]],
        stride2_padding: [
            Stride2Padding::Symmetric,
            Stride2Padding::End,
            Stride2Padding::Same,
        ][row[12]],
        ..Variant::default()
    };
    let (resize, interpolation, centre) = [
        (Resize::Square, Interpolation::Bilinear, Centre::Even),
        (Resize::Crop, Interpolation::Bicubic, Centre::Even),
        (Resize::Crop, Interpolation::Bilinear, Centre::Down),
    ][row[11]];
    let architecture = Architecture {
        variant,
        ..Architecture::new(Alpha::ALL[row[0]], 6)
    };
    let metadata = Metadata {
        preprocess: Some(Preprocess {
            size: SIZES[row[9]],
            resize,
            interpolation,
            centre,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let weights = random_weights(architecture, 11, &Device::Cpu).unwrap();
    weights.with_metadata(metadata).unwrap()
}

#[test]
fn every_two_options_go_together() {
    let runtime = runtime();
    let rows = pairwise(&levels(), |row| options(row).validate().is_ok());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for row in &rows {
        let (options, weights) = (options(row), weights(row));
        let exporter = match options.precision {
            Precision::Int8 => quantised::exporter(&weights, options.keep_float, options.features).unwrap(),
            Precision::Fp32 | Precision::Fp16 => Exporter::new(&weights),
        };
        std::fs::write(&path, exporter.export(&options).unwrap().to_bytes()).unwrap();
        let verification = Verification {
            run: runtime.is_some(),
            ort_lib: runtime.as_ref().map(|runtime| runtime.path()),
            pictures: None,
            threads: 1,
        };
        let evidence = verify(&path, &exporter, &options, verification);
        let evidence = evidence.unwrap_or_else(|error| panic!("{options:?}: {error:#}"));
        evidence
            .verdict()
            .unwrap_or_else(|error| panic!("{options:?}, {row:?}: {error:#}"));
        assert_eq!(evidence.structure.orphans, [""; 0]);
        // Features are compared with the logits and with candle's.
        let others = usize::from(options.softmax) + 2 * usize::from(options.features);
        assert!(runtime.is_none() || evidence.others.len() == others);
    }
}

/// The classifier undoes what scaled channels do to the logits, so that these are no proof of the features.
#[test]
fn features_that_are_scaled_do_not_pass() {
    let Some(runtime) = runtime() else { return };
    let weights = weights(&[0; 14]);
    let options = ExportOptions {
        precision: Precision::Int8,
        // Nothing but the classifier is rounded, which would part features of random weights from candle's.
        keep_float: LayerSet::first(27),
        features: true,
        ..ExportOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    for scaled in [false, true] {
        let exporter = quantised::exporter(&weights, options.keep_float, !scaled).unwrap();
        let exported = exporter.export(&options);
        if scaled {
            let error = exported.unwrap_err().to_string();
            assert!(error.contains("scaled"), "{error}");
            continue;
        }
        std::fs::write(&path, exported.unwrap().to_bytes()).unwrap();
        let verification = Verification {
            run: true,
            ort_lib: Some(runtime.path()),
            pictures: None,
            threads: 1,
        };
        let evidence = verify(&path, &exporter, &options, verification).unwrap();
        assert!(evidence.proof.as_ref().is_some_and(Proof::passed));
        evidence.verdict().unwrap();
    }
}
