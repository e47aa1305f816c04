//! The program as a user runs it: what goes wrong, with which message and exit code, and what is left behind.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use mbn_spec::{Alpha, Architecture, Metadata, TensorKind, Weights};
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

/// Runs the program in `folder` without ONNX Runtime from the environment.
fn export(folder: &Path, args: &[&str]) -> Assert {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mbn-export"));
    command.current_dir(folder).args(args).assert()
}

fn fails(folder: &TempDir, args: &[&str], code: i32, messages: &[&str]) {
    let before = names(folder.path());
    let mut assert = export(folder.path(), args).code(code).stdout("");
    for message in messages {
        assert = assert.stderr(contains(*message));
    }
    if code == 1 {
        assert.stderr(predicate::str::starts_with("error: "));
    }
    assert_eq!(names(folder.path()), before, "a file was left behind");
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
}

/// Weights with every value from a function of name and position.
fn weights(alpha: Alpha, classes: usize, value: impl Fn(&str, usize) -> f32) -> Weights {
    let architecture = Architecture::new(alpha, classes);
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for spec in architecture.tensors() {
        let len = spec.shape.iter().product::<usize>();
        if spec.kind == TensorKind::Counter {
            counters.insert(spec.name, 1);
        } else {
            let values = (0..len).map(|i| value(&spec.name, i)).collect();
            floats.insert(spec.name, values);
        }
    }
    Weights::new(architecture, Metadata::default(), floats, counters).unwrap()
}

fn small(name: &str, i: usize) -> f32 {
    let is_scale = name.ends_with(".1.weight") || name.ends_with(".4.weight");
    if is_scale || name.ends_with("running_var") {
        1.0
    } else {
        ((i % 13) as f32 - 6.0) / 40.0
    }
}

fn folder_with_weights() -> TempDir {
    let folder = TempDir::new().unwrap();
    weights(Alpha::Quarter, 3, small)
        .save(&folder.path().join("w.safetensors"))
        .unwrap();
    folder
}

#[test]
fn help_has_examples_and_version_is_one_line() {
    let folder = TempDir::new().unwrap();
    export(folder.path(), &["--help"])
        .success()
        .stdout(contains("Examples:\n  mbn-export --alpha 0.25 model.onnx"));
    let version = format!("mbn-export {}\n", env!("CARGO_PKG_VERSION"));
    export(folder.path(), &["--version"]).success().stdout(version);
}

#[test]
fn mistakes_on_the_command_line_are_code_2() {
    let folder = folder_with_weights();
    let folder = &folder;
    fails(
        folder,
        &["--alpha", "0.3", "out.onnx"],
        2,
        &["`0.3`", "0.25, 0.5, 0.75, 1.0"],
    );
    fails(folder, &["--alpha", "0.25"], 2, &["OUT.onnx"]);
    fails(folder, &["out.onnx"], 2, &["--alpha", "--weights"]);
    fails(folder, &["--random-weights", "1", "out.onnx"], 2, &["--alpha"]);
    fails(
        folder,
        &["--alpha=1", "--precision=int4", "out.onnx"],
        2,
        &["int4", "fp32, fp16"],
    );
    fails(
        folder,
        &["--alpha=1", "--opset=12", "out.onnx"],
        2,
        &["12", "13..=23"],
    );
    fails(
        folder,
        &["--weights=w.safetensors", "w.safetensors"],
        2,
        &["named like a weight file"],
    );
}

#[test]
fn weights_that_are_not_there_say_how_to_get_them() {
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
fn class_names_must_match_the_weights() {
    let folder = folder_with_weights();
    std::fs::write(folder.path().join("two.txt"), "church\ntench\n").unwrap();
    std::fs::write(folder.path().join("gap.txt"), "church\n\ntench\n").unwrap();
    let args = ["--weights=w.safetensors", "--classes=two.txt", "out.onnx"];
    fails(
        &folder,
        &args,
        1,
        &["`two.txt` names 2 classes, `w.safetensors` has 3"],
    );
    let args = ["--weights=w.safetensors", "--classes=gap.txt", "out.onnx"];
    fails(&folder, &args, 1, &["line 2 of `gap.txt` is empty"]);
    let args = ["--weights=w.safetensors", "--classes=none.txt", "out.onnx"];
    fails(&folder, &args, 1, &["`none.txt`"]);
}

#[test]
fn places_that_cannot_be_written_to_are_named() {
    let folder = folder_with_weights();
    let args = ["--weights=w.safetensors", "none/out.onnx"];
    fails(
        &folder,
        &args,
        1,
        &["`none/out.onnx`", "no folder `none`", "hint: "],
    );
    fails(&folder, &["--weights=w.safetensors", "."], 1, &["it is a folder"]);
    fails(
        &folder,
        &["--weights=w.safetensors", "/proc/out.onnx"],
        1,
        &["cannot write `/proc/out.onnx`"],
    );
}

#[cfg(unix)]
#[test]
fn a_link_stays_and_what_is_no_file_is_refused() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let folder = folder_with_weights();
    let path = |name: &str| folder.path().join(name);
    let made = std::process::Command::new("mkfifo")
        .arg(path("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    for (to, link) in [
        ("pipe", "p.onnx"),
        ("w.safetensors", "w.onnx"),
        ("real.onnx", "a.onnx"),
    ] {
        symlink(to, path(link)).unwrap();
    }
    let weights = std::fs::read(path("w.safetensors")).unwrap();
    for out in ["pipe", "p.onnx"] {
        let message = format!("cannot write `{out}`: it is a device, a pipe");
        fails(
            &folder,
            &["--weights=w.safetensors", out],
            1,
            &[&message, "hint: "],
        );
    }
    let named = &["named like a weight file"];
    fails(&folder, &["--weights=w.safetensors", "w.onnx"], 1, named);
    export(folder.path(), &["--weights=w.safetensors", "a.onnx"]).success();
    assert!(path("a.onnx").is_symlink() && path("real.onnx").is_file());
    assert!(path("pipe").metadata().unwrap().file_type().is_fifo() && path("p.onnx").is_symlink());
    assert_eq!(std::fs::read(path("w.safetensors")).unwrap(), weights);
}

#[test]
fn values_that_are_no_numbers_are_named() {
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
        &["`model.7.0.weight`", "NaN"],
    );
}

#[test]
fn a_file_that_does_not_agree_with_candle_is_not_left() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    if !library.is_dir() {
        mbn_testing::skip(mbn_testing::Needs::Other, "`make onnxruntime` has not been run");
        return;
    }
    // The first depthwise layer vanishes in float16, and what comes after it would make up for its smallness.
    let folder = TempDir::new().unwrap();
    let vanishing = |name: &str, i| match name {
        "model.1.0.weight" => 1e-9,
        "model.1.1.bias" | "model.1.1.running_mean" => 0.0,
        "model.1.4.weight" | "model.2.1.weight" => 3e4,
        _ => small(name, i).abs(),
    };
    weights(Alpha::Quarter, 3, vanishing)
        .save(&folder.path().join("tiny.safetensors"))
        .unwrap();
    let library = format!("--ort-lib={}", library.display());
    let args = [
        "--weights=tiny.safetensors",
        "--precision=fp16",
        &library,
        "out.onnx",
    ];
    let messages = ["`out.onnx` was not written", "its outputs are not candle's"];
    fails(&folder, &args, 1, &messages);

    // Beyond float32 there is nothing to compare with.
    let exploding = |name: &str, i| {
        if name.ends_with(".weight") {
            5000.0
        } else {
            small(name, i)
        }
    };
    weights(Alpha::Quarter, 3, exploding)
        .save(&folder.path().join("inf.safetensors"))
        .unwrap();
    let args = ["--weights=inf.safetensors", &library, "out.onnx"];
    let messages = ["`out.onnx` was not written", "not finite numbers, in candle too"];
    fails(&folder, &args, 1, &messages);
}

#[test]
fn a_library_that_is_named_must_be_onnx_runtime() {
    let folder = folder_with_weights();
    let args = ["--weights=w.safetensors", "--ort-lib=w.safetensors", "out.onnx"];
    fails(
        &folder,
        &args,
        1,
        &[
            "was not written",
            "w.safetensors` cannot be loaded as a library",
            "hint: ",
        ],
    );
    let args = ["--weights=w.safetensors", "--device=cuda", "out.onnx"];
    fails(&folder, &args, 2, &["`--device cuda:0`", "CPU alone", "hint: "]);
}

#[test]
fn summary_alone_needs_no_weights_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let names: String = (0..1000).map(|i| format!("class {i}\n")).collect();
    std::fs::write(folder.path().join("names.txt"), names).unwrap();
    for (alpha, parameters, multiply_adds) in [
        ("0.25", "470,072", "41,030,272"),
        ("0.5", "1,331,592", "149,497,088"),
        ("0.75", "2,585,560", "325,400,448"),
        ("1.0", "4,231,976", "568,740,352"),
    ] {
        let args = ["--alpha", alpha, "--classes", "names.txt", "--summary"];
        let assert = export(folder.path(), &args).success().stderr("");
        let assert = assert.stdout(contains(format!("alpha {alpha}, 1000 classes, 224 x 224")));
        assert
            .stdout(contains(parameters))
            .stdout(contains(multiply_adds));
    }
    assert_eq!(self::names(folder.path()).len(), 1);
}

#[test]
fn published_weights_are_found_and_the_same_file_comes_out_twice() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("models")).unwrap();
    let path = folder.path().join("models/mobilenet_v1_0.25.safetensors");
    weights(Alpha::Quarter, 3, small).save(&path).unwrap();
    let next = "mbn-infer --model a.onnx images/*";
    export(folder.path(), &["--alpha", "0.25", "a.onnx"])
        .success()
        .stdout("")
        .stderr(contains(
            "Wrote `a.onnx`: MobileNetV1 alpha 0.25, 3 classes, 213,843 parameters, fp32, opset 17",
        ))
        .stderr(contains(next));
    export(folder.path(), &["--alpha", "0.25", "b.onnx", "--quiet"])
        .success()
        .stdout("")
        .stderr("");
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("a.onnx"), read("b.onnx"));
    assert_eq!(names(folder.path()).len(), 3);
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
        &["--weights", weights, "--classes", "names.txt", "keras.onnx"],
    )
    .success()
    .stderr(contains("alpha 0.25, 10 classes, 215,642 parameters"));
    let model = mbn_onnx::Model::load(&folder.path().join("keras.onnx")).unwrap();
    let metadata = model.metadata().unwrap();
    assert_eq!(metadata.variant, Some(mbn_spec::Variant::keras()));
    assert_eq!(metadata.preprocess, Some(mbn_spec::Preprocess::keras()));
    assert_eq!(metadata.classes.unwrap(), names);
    export(
        folder.path(),
        &["--weights", weights, "--alpha", "0.5", "other.onnx"],
    )
    .code(1)
    .stderr(contains("alpha 0.25").and(contains("0.5")));
}
