//! Weights that are missing or unusable, and names for their classes.

use mbn_spec::Alpha;
use mbn_weights::families::keras;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{export, fails, folder_with_model, folder_with_weights, library, small, weights};

#[test]
fn missing_weights_say_how_to_get_them() {
    let folder = TempDir::new().unwrap();
    let messages = [
        "`models/mobilenet_v1_0.5.safetensors`",
        "hint: `mbn-train --data DIR --alpha 0.5`",
        "`--random-weights SEED`",
    ];
    fails(&folder, &["--alpha", "0.5", "out.onnx"], 1, &messages);
    fails(
        &folder,
        &["--weights", "none.safetensors", "out.onnx"],
        1,
        &["`none.safetensors`", "No such file"],
    );
    // A snapshot of a repository, as the Hub's tools make them.
    let folder = folder_with_weights();
    std::fs::create_dir(folder.path().join("snapshot")).unwrap();
    let (from, to) = ("w.safetensors", "snapshot/model.safetensors");
    std::fs::rename(folder.path().join(from), folder.path().join(to)).unwrap();
    std::fs::write(folder.path().join("snapshot/config.json"), "{}").unwrap();
    let messages = [
        "`snapshot` is a folder, expected a weight file",
        "hint: it has the weight files `snapshot/model.safetensors`",
    ];
    fails(&folder, &["--weights=snapshot", "out.onnx"], 1, &messages);
}

/// What cannot be compared may be sound.
#[test]
fn a_check_without_the_weights_that_it_names_says_nothing_of_the_file() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&[]);
    for (weights, why) in [
        (
            "none.safetensors",
            "`none.safetensors` cannot be used: No such file",
        ),
        ("model.onnx", "`model.onnx` cannot be used"),
    ] {
        let weights = format!("--weights={weights}");
        export(folder.path(), &["check", &library, &weights, "model.onnx"])
            .code(1)
            .stderr(
                contains("`model.onnx` cannot be checked: there are no weights to compare it with")
                    .and(contains(why))
                    .and(contains("does not pass").not()),
            );
    }
}

#[test]
fn weights_that_cannot_be_used_are_named_with_the_reason() {
    let folder = folder_with_weights();
    let whole = std::fs::read(folder.path().join("w.safetensors")).unwrap();
    std::fs::write(folder.path().join("empty"), b"").unwrap();
    std::fs::write(folder.path().join("cut"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.path().join("text"), b"these are no weights, but words").unwrap();
    fails(
        &folder,
        &["--weights=empty", "out.onnx"],
        1,
        &["`empty`", "the file is empty"],
    );
    fails(
        &folder,
        &["--weights=cut", "out.onnx"],
        1,
        &["`cut`", "not a whole safetensors file"],
    );
    fails(
        &folder,
        &["--weights=text", "out.onnx"],
        1,
        &["`text`", "not a whole safetensors file"],
    );
    let args = ["--weights=w.safetensors", "--alpha=0.5", "out.onnx"];
    fails(
        &folder,
        &args,
        1,
        &["`w.safetensors` holds weights of alpha 0.25", "asks for 0.5"],
    );
}

#[test]
fn weights_that_are_not_numbers_are_named() {
    let folder = folder_with_weights();
    let nan = |name: &str, i| {
        if name == "model.7.0.weight" {
            f32::NAN
        } else {
            small(name, i)
        }
    };
    weights(Alpha::Quarter, 3, nan)
        .save(&folder.path().join("nan.safetensors"))
        .unwrap();
    fails(
        &folder,
        &["--weights=nan.safetensors", "out.onnx"],
        1,
        &[
            "`nan.safetensors` cannot be used: `model.7.0.weight` holds NaN",
            "hint:",
        ],
    );
}

/// Whether or not batch norm is folded, which would spread it over a convolution.
#[test]
fn a_negative_variance_is_named_as_such() {
    let folder = folder_with_weights();
    let negative = |name: &str, i| match (name, i) {
        ("model.3.4.running_var", 7) => -0.25,
        _ => small(name, i),
    };
    let path = folder.path().join("negative.safetensors");
    weights(Alpha::Quarter, 3, negative).save(&path).unwrap();
    for more in [&[][..], &["--no-fold"], &["--precision=fp16", "--allow-overflow"]] {
        let arguments = [&["--weights=negative.safetensors", "out.onnx"], more].concat();
        let message = "`negative.safetensors` cannot be used: `model.3.4.running_var` holds the negative variance -0.25";
        fails(&folder, &arguments, 1, &[message]);
    }
}

#[test]
fn class_names_must_match_the_weights() {
    let folder = folder_with_weights();
    std::fs::write(folder.path().join("two.txt"), "church\ntench\n").unwrap();
    std::fs::write(folder.path().join("gap.txt"), "church\n\ntench\n").unwrap();
    let args = ["--weights=w.safetensors", "--classes=two.txt", "out.onnx"];
    fails(
        &folder,
        &args,
        1,
        &["`--classes two.txt` has 2 classes, `w.safetensors` has 3"],
    );
    let args = ["--weights=w.safetensors", "--classes=gap.txt", "out.onnx"];
    fails(&folder, &args, 1, &["line 2 of `gap.txt` is empty"]);
    let args = ["--weights=w.safetensors", "--classes=none.txt", "out.onnx"];
    fails(&folder, &args, 1, &["`none.txt`"]);
}

#[test]
fn keras_weights_make_a_model_of_their_own_classes() {
    let folder = TempDir::new().unwrap();
    let names: Vec<_> = (0..10).map(|i| format!("kind {i}, synonym {i}")).collect();
    std::fs::write(folder.path().join("names.txt"), names.join("\n")).unwrap();
    let weights = mbn_testing::reference_path("keras/weights.safetensors");
    let weights = weights.canonicalize().unwrap();
    let weights = weights.to_str().unwrap();
    export(
        folder.path(),
        &[
            "--weights",
            weights,
            "--classes",
            "names.txt",
            "--no-verify",
            "keras.onnx",
        ],
    )
    .success()
    .stderr(contains("alpha 0.25, 10 classes, 215,642 parameters"));
    let model = mbn_onnx::Model::load(&folder.path().join("keras.onnx")).unwrap();
    let metadata = model.metadata().unwrap();
    assert_eq!(metadata.variant, Some(keras::VARIANT));
    let preprocess = metadata.preprocess.unwrap();
    assert_eq!(
        (preprocess.resize, preprocess.mean),
        (mbn_spec::Resize::Crop, [0.5; 3])
    );
    assert_eq!(metadata.classes.unwrap(), names);
    export(
        folder.path(),
        &["--weights", weights, "--alpha", "0.5", "other.onnx"],
    )
    .code(1)
    .stderr(contains("alpha 0.25").and(contains("0.5")));
}
