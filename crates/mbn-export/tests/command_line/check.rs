//! Files that do not pass verification, and libraries that cannot verify them.

use std::path::Path;

use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataType, ModelProto};
use mbn_onnx::{Dim, Precision, TensorType};
use mbn_spec::Alpha;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{export, fails, folder_with_weights, library, of_another, save, sigmoid, small, weights};

#[test]
fn a_file_that_does_not_agree_with_candle_is_not_left() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    if !library.is_dir() {
        mbn_testing::skip(mbn_testing::Needs::Other, "`make onnxruntime` has not been run");
        return;
    }
    // Every filter of the first depthwise layer but one vanishes in float16; in float32, later layers scale their tiny outputs
    // back up, and leave the other out.
    let folder = TempDir::new().unwrap();
    let vanishing = |name: &str, i: usize| match name {
        "model.1.0.weight" if i >= 9 => 1e-9,
        "model.1.3.weight" if i.is_multiple_of(8) => 0.0,
        "model.1.1.bias" | "model.1.1.running_mean" => 0.0,
        "model.1.4.weight" | "model.2.1.weight" => 3e4,
        // All values are positive: without this the last layers would exceed float16's range.
        _ if name.ends_with(".4.weight") => 0.35,
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
    let messages = ["`out.onnx` was not written", "its outputs differ from candle's"];
    fails(&folder, &args, 1, &messages);

    // Outputs beyond float32's range cannot be compared.
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

/// A copy of the program where no folder above it has the library: only the system could have it.
#[test]
fn a_file_that_cannot_be_compared_is_not_left_unless_the_user_says_so() {
    let folder = folder_with_weights();
    let program = TempDir::new().unwrap();
    let copy = program.path().join("mbn-export");
    std::fs::copy(assert_cmd::cargo::cargo_bin!("mbn-export"), &copy).unwrap();
    let run = |args: &[&str]| {
        let mut command = assert_cmd::Command::new(&copy);
        for variable in ["ORT_DYLIB_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"] {
            command.env_remove(variable);
        }
        command.current_dir(folder.path());
        command.arg("--weights=w.safetensors").args(args).assert()
    };
    let plain = run(&["out.onnx"]);
    if plain.get_output().status.success() {
        mbn_testing::skip(mbn_testing::Needs::Download, "the system has ONNX Runtime");
        return;
    }
    plain
        .code(1)
        .stderr(contains("its outputs cannot be compared with candle's").and(contains("`--no-verify`")));
    let quiet = run(&["-q", "out.onnx"]).code(1).stdout("");
    quiet.stderr(contains("`out.onnx` was not written"));
    assert!(!folder.path().join("out.onnx").exists());
    run(&["-q", "--no-verify", "out.onnx"]).success().stderr("");
    assert!(folder.path().join("out.onnx").exists());
    run(&["--no-verify", "other.onnx"])
        .success()
        .stderr(contains("were not compared with candle's, as `--no-verify` says"));
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
    // The program runs on the CPU only and has no `--device`.
    let args = ["--weights=w.safetensors", "--device=cpu", "out.onnx"];
    fails(&folder, &args, 2, &["--device"]);
}

/// Noise is of the type that the file takes.
#[test]
fn inputs_of_every_type_of_numbers_get_noise() {
    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    for element in [
        DataType::Float16,
        DataType::Bfloat16,
        DataType::Float,
        DataType::Double,
        DataType::Int8,
        DataType::Uint8,
        DataType::Int32,
        DataType::Int64,
    ] {
        let mut graph = GraphBuilder::new("other");
        let ty = |element| TensorType::new(element, [2.into(), 3.into()]);
        graph.input("x", &ty(element));
        graph.output("y", &ty(DataType::Float));
        let to = ("to", Attribute::Int(DataType::Float as i64));
        graph.node("Cast", "cast", ["x"], "y", [to]);
        let proto = ModelProto {
            graph: Some(graph.finish()),
            ..sigmoid()
        };
        save(&folder, "m.onnx", proto);
        export(folder.path(), &["check", "m.onnx", &library])
            .success()
            .stdout(contains("runs it on noise: 1 output of floats, all finite"));
    }
}

/// A model of another program that multiplies all values of a picture, whose sizes it leaves open, by a constant of `values` rows.
fn flat(values: usize) -> ModelProto {
    let mut graph = GraphBuilder::new("other");
    let dims = ["batch", "height", "width"].map(|name| Dim::Symbol(name.into()));
    let [batch, height, width] = dims;
    graph.input(
        "x",
        &TensorType::new(DataType::Float, [batch.clone(), 3.into(), height, width]),
    );
    graph.output("y", &TensorType::new(DataType::Float, [batch, 2.into()]));
    graph.initializer("w", &[values, 2], &vec![0.5; 2 * values], Precision::Fp32);
    graph.node("Flatten", "flatten", ["x"], "flat", []);
    graph.node("MatMul", "product", ["flat", "w"], "y", []);
    of_another(graph)
}

/// Open sizes are no fault of a file, whichever of them it takes.
#[test]
fn sizes_are_found_for_inputs_that_leave_them_open() {
    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    let check = || export(folder.path(), &["check", "m.onnx", &library]);
    for side in [224, 32, 28] {
        save(&folder, "m.onnx", flat(3 * side * side));
        let sizes = format!("sizes      its inputs leave them open; tried is `x` [1, 3, {side}, {side}]\n");
        check().success().stdout(contains(sizes));
    }
    // Four names, and the channels last.
    let mut graph = GraphBuilder::new("other");
    let open = TensorType::new(
        DataType::Float,
        ["n", "h", "w", "c"].map(|name| Dim::Symbol(name.into())),
    );
    graph.input("x", &open);
    let given = [
        Dim::Symbol("n".into()),
        2.into(),
        Dim::Symbol("h".into()),
        Dim::Symbol("w".into()),
    ];
    graph.output("y", &TensorType::new(DataType::Float, given));
    graph.initializer("filters", &[2, 4, 1, 1], &[0.5; 8], Precision::Fp32);
    let perm = ("perm", Attribute::Ints(vec![0, 3, 1, 2]));
    graph.node("Transpose", "turned", ["x"], "turned", [perm]);
    graph.node("Conv", "conv", ["turned", "filters"], "y", []);
    save(&folder, "m.onnx", of_another(graph));
    check().success().stdout(contains("`x` [1, 224, 224, 4]\n"));
    // No picture has so many values.
    save(&folder, "m.onnx", flat(3 * 7 * 9));
    let messages = [
        "`m.onnx` cannot be checked: its inputs leave sizes open",
        "`x` [1, 3, 224, 224], `x` [1, 3, 64, 64], ",
        "with the first: ONNX Runtime fails",
        "hint: fix the sizes that the model takes",
    ];
    fails(&folder, &["check", "m.onnx", &library], 1, &messages);
    // Of fixed sizes it is the file that is wrong.
    let mut wrong = flat(3 * 7 * 9);
    let fixed = TensorType::new(DataType::Float, [1, 3, 8, 8].map(Dim::Fixed));
    let mut graph = GraphBuilder::new("inputs");
    graph.input("x", &fixed);
    wrong.graph.as_mut().unwrap().input = graph.finish().input;
    save(&folder, "m.onnx", wrong);
    fails(
        &folder,
        &["check", "m.onnx", &library],
        1,
        &["`m.onnx` does not pass"],
    );
}

/// candle's threads, two more of ONNX Runtime's, and the main one.
#[cfg(target_os = "linux")]
#[test]
fn a_few_threads_more_than_asked_for_are_started() {
    let folder = folder_with_weights();
    for (threads, more) in [
        (1, "--no-verify"),
        (12, "--no-verify"),
        (1, "--no-fold"),
        (12, "--no-fold"),
    ] {
        mbn_testing::expect_threads(threads, more, || {
            let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("mbn-export"))
                .args([
                    "--weights=w.safetensors",
                    more,
                    "--threads",
                    &threads.to_string(),
                    "out.onnx",
                ])
                .current_dir(folder.path())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let most = mbn_testing::most_threads(&mut child);
            // Without ONNX Runtime the second pair ends with an error, on as many threads.
            child.wait().unwrap();
            most
        });
    }
}
