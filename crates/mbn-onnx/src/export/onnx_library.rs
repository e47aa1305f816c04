//! Runs ONNX's own checker on exported files, if a Python with the `onnx` package is available.

use std::path::{Path, PathBuf};

use mbn_spec::{Activation, Alpha, Architecture, Metadata, Stride2Padding, Variant};
use mbn_testing::Python;
use mbn_weights::Weights;

use crate::{ExportOptions, InputKind, OPSETS, Precision, fixtures};

fn write(folder: &Path, name: &str, weights: &Weights, options: &ExportOptions) -> PathBuf {
    let path = folder.join(format!("{name}.onnx"));
    std::fs::write(&path, fixtures::export_any(weights, options).to_bytes()).unwrap();
    path
}

fn sample(alpha: Alpha, variant: Variant) -> Weights {
    let architecture = Architecture {
        variant,
        ..Architecture::new(alpha, 10)
    };
    fixtures::weights(architecture, Metadata::default())
}

/// Every form of the same network.
fn forms(folder: &Path, weights: &Weights) -> Vec<PathBuf> {
    let forms = fixtures::all_options().into_iter().enumerate();
    let write = |(i, options): (usize, ExportOptions)| write(folder, &format!("form-{i}"), weights, &options);
    forms.map(write).collect()
}

#[test]
fn every_form_passes_the_checker() {
    let Some(python) = Python::find(&["onnx"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let weights = sample(Alpha::Quarter, Variant::default());
    let mut paths = forms(folder.path(), &weights);
    for opset in OPSETS {
        for (fold, precision) in [
            (true, Precision::Fp32),
            (false, Precision::Fp32),
            (true, Precision::Fp16),
            (false, Precision::Fp16),
            (true, Precision::Int8),
        ] {
            let options = ExportOptions {
                opset,
                fold,
                precision,
                input: InputKind::Uint8,
                softmax: true,
                ..ExportOptions::default()
            };
            let name = format!("opset-{opset}-{fold}-{precision}");
            match options.validate() {
                Ok(()) => paths.push(write(folder.path(), &name, &weights, &options)),
                Err(error) => assert!(precision == Precision::Int8 && opset < 13, "{error}"),
            }
        }
    }
    for alpha in Alpha::ALL {
        let weights = sample(alpha, Variant::default());
        let name = format!("alpha-{alpha}");
        paths.push(write(folder.path(), &name, &weights, &ExportOptions::default()));
    }
    let keras = Variant {
        activation: Activation::Relu6,
        batch_norm_epsilon: 1e-3,
        stride2_padding: Stride2Padding::End,
    };
    for (opset, precision) in [
        (11, Precision::Fp32),
        (11, Precision::Fp16),
        (17, Precision::Fp32),
        (17, Precision::Fp16),
        (17, Precision::Int8),
    ] {
        let options = ExportOptions {
            opset,
            precision,
            ..ExportOptions::default()
        };
        let weights = sample(Alpha::Quarter, keras);
        paths.push(write(
            folder.path(),
            &format!("keras-{opset}-{precision}"),
            &weights,
            &options,
        ));
    }
    let printed = python.run("check_model.py", &paths);
    assert_eq!(printed.lines().count(), paths.len());
    assert!(
        printed.lines().all(|line| line.ends_with(" ['batch', 10]")),
        "{printed}"
    );
}

/// Models of many operators, with graphs in nodes, sequences, strings and training, are read, and written back without loss.
#[test]
fn models_of_onnxs_own_tests_are_read_and_written_back() {
    let Some(python) = Python::find(&["onnx"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let paths = python.run("onnx_data.py", [""; 0]);
    let mut pairs = String::new();
    let mut sound = 0;
    for (i, path) in paths.lines().enumerate() {
        let path = Path::new(path);
        let model = crate::Model::load(path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        match crate::structure(&model, Some(path)) {
            Ok(found) => sound += usize::from(found.nodes() > 0),
            Err(error) => assert!(
                matches!(error, crate::checker::CheckError::Unsupported(_)),
                "{}: {error}",
                path.display()
            ),
        }
        let written = folder.path().join(format!("{i}.onnx"));
        std::fs::write(&written, model.to_bytes()).unwrap();
        pairs += &format!("{}\n{}\n", path.display(), written.display());
    }
    let count = paths.lines().count();
    assert!(count > 100 && sound * 10 > count * 9, "{sound} of {count}");
    let list = folder.path().join("pairs");
    std::fs::write(&list, pairs).unwrap();
    assert_eq!(python.run("same_models.py", [&list]), format!("{count}\n"));
}
