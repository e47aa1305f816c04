//! Models and weights that candle runs, and those that it cannot.

use crate::common::{self, failure, folder, picture, program, success};

#[test]
fn candle_takes_the_weights_that_are_in_the_model() {
    let folder = folder();
    picture(&folder, "a.png");
    common::export(&folder, "model.onnx", &mbn_onnx::ExportOptions::default());
    let mut bytes = std::fs::read(folder.path().join("model.onnx")).unwrap();
    // The classifier's last bias becomes 100: the last class wins, and the hash of the old weights stays.
    let weights = mbn_infer::builtin::weights().unwrap();
    let bias = weights.values("fc.bias").last().unwrap().to_le_bytes();
    let at = bytes.windows(4).rposition(|window| window == bias).unwrap();
    bytes[at..at + 4].copy_from_slice(&100.0f32.to_le_bytes());
    std::fs::write(folder.path().join("model.onnx"), bytes).unwrap();
    let run = success(program(&folder).args(["--top-k", "1", "a.png"]));
    let last = common::class_names().pop().unwrap();
    assert_eq!(run.stdout, format!("a.png: {last} 100.0 %\n"));
    assert!(
        run.stderr.contains("weights: those in `model.onnx`"),
        "{}",
        run.stderr
    );
    // candle cannot use the weights in a float16 model.
    let half = mbn_onnx::ExportOptions {
        precision: mbn_onnx::Precision::Fp16,
        ..mbn_onnx::ExportOptions::default()
    };
    common::export(&folder, "half.onnx", &half);
    let run = success(program(&folder).args(["--model", "half.onnx", "a.png"]));
    let from = "weights: the weights built into the program, from which `half.onnx` was made";
    assert!(run.stderr.contains(from), "{}", run.stderr);
}

#[test]
fn candle_runs_our_own_onnx_files() {
    let folder = folder();
    picture(&folder, "a.png");
    let expected = success(program(&folder).args(["--format", "csv", "a.png"])).stdout;
    common::export(&folder, "model.onnx", &mbn_onnx::ExportOptions::default());
    let run = success(program(&folder).args(["--format", "csv", "a.png"]));
    assert_eq!(run.stdout, expected);
    assert!(run.stderr.contains("model: `model.onnx`"), "{}", run.stderr);
}

/// As weights of transformers are of which `config.json` says so.
#[test]
fn weights_of_classes_that_do_not_exclude_each_other_give_sigmoids() {
    let folder = folder();
    picture(&folder, "a.png");
    let weights = common::small_weights();
    let save = |name: &str, multi_label: bool| {
        let metadata = mbn_spec::Metadata {
            multi_label,
            ..weights.metadata().clone()
        };
        let weights = weights.clone().with_metadata(metadata).unwrap();
        weights.save(&folder.path().join(name)).unwrap();
        let model = mbn_onnx::export(&weights, &mbn_onnx::ExportOptions::default()).unwrap();
        let name = name.replace("safetensors", "onnx");
        std::fs::write(folder.path().join(name), model.to_bytes()).unwrap();
    };
    save("one.safetensors", false);
    save("many.safetensors", true);
    let probabilities = |arguments: &[&str]| {
        let mut command = program(&folder);
        success(
            command
                .args(["--format", "csv", "a.png", "--model"])
                .args(arguments),
        )
        .stdout
    };
    let expected = probabilities(&["one.safetensors", "--multi-label"]);
    assert_ne!(probabilities(&["one.safetensors"]), expected);
    for model in ["many.safetensors", "many.onnx"] {
        assert_eq!(probabilities(&[model]), expected, "{model}");
    }
}

#[test]
fn models_that_cannot_be_used_are_named() {
    let folder = folder();
    picture(&folder, "a.png");
    std::fs::write(folder.path().join("empty.onnx"), b"").unwrap();
    std::fs::write(folder.path().join("text.onnx"), b"this is a text").unwrap();
    std::fs::write(folder.path().join("text.safetensors"), b"this is a text").unwrap();
    for model in ["gone.onnx", "empty.onnx", "text.onnx", "text.safetensors", "."] {
        let run = failure(program(&folder).args(["--model", model, "a.png"]), 1);
        assert!(run.stderr.contains(&format!("`{model}`")), "{}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

#[test]
fn weights_of_another_hash_are_refused() {
    let folder = folder();
    picture(&folder, "a.png");
    common::other_weights(&folder, "other.safetensors");
    let run = failure(
        program(&folder).args(["--weights", "other.safetensors", "a.png"]),
        1,
    );
    assert!(
        run.stderr.contains("SHA-256") && run.stderr.contains("--model other"),
        "{}",
        run.stderr
    );
}
