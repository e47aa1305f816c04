//! Options that contradict each other, or that need a device that the machine lacks.

use mbn_onnx::{ANTIALIASED_RESIZE, ExportOptions, InputKind, InputSize};
use tempfile::TempDir;

use crate::common::{self, bare, failure, folder, library, picture, program, success};

#[test]
fn mistakes_on_the_command_line_are_exit_code_2() {
    let folder = folder();
    for arguments in [
        &[][..],
        &["--engine", "tensorflow", "a.png"],
        &["--engine", "candle", "--parity", "all", "a.png"],
        &["--top-k", "0", "a.png"],
        &["--batch-size", "0", "a.png"],
        &["--device", "gpu", "a.png"],
        &["--evaluate", "--list", "x", "a"],
        &["--threads", "100000", "a.png"],
    ] {
        let run = failure(common::bare(&folder).args(arguments), 2);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
}

#[test]
fn settings_of_cuda_without_a_device_are_a_warning() {
    let folder = folder();
    picture(&folder, "a.png");
    let run = success(program(&folder).args(["--tf32", "a.png"]));
    let warning = "warning: `--tf32` has no effect, since no CUDA device is used";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{}", run.stderr);
}

#[test]
fn cuda_is_refused_where_it_is_not_available() {
    let folder = folder();
    picture(&folder, "a.png");
    let run = failure(program(&folder).args(["--device", "cuda", "a.png"]), 1);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("`--device cuda:0` is not available"),
        "{}",
        run.stderr
    );
}

/// Both engines refuse what the model does by itself, since candle stands in for the model.
#[test]
fn preprocessing_that_the_model_does_itself_is_refused() {
    let folder = folder();
    refuses_preprocessing(&folder, || program(&folder));
    let Some(library) = library() else { return };
    refuses_preprocessing(&folder, || {
        let mut command = bare(&folder);
        command.arg("--ort-lib").arg(&library);
        command.args(["--device", "cpu", "--parity", "all"]);
        command
    });
}

fn refuses_preprocessing(folder: &TempDir, command: impl Fn() -> assert_cmd::Command) {
    picture(folder, "a.png");
    let bytes = ExportOptions {
        input: InputKind::Uint8,
        ..ExportOptions::default()
    };
    let pictures = ExportOptions {
        opset: ANTIALIASED_RESIZE,
        size: InputSize::Resized,
        ..bytes
    };
    common::export(folder, "bytes.onnx", &bytes);
    common::export(folder, "pictures.onnx", &pictures);
    let run = |model: &str, options: &str, code| {
        let mut command = command();
        command.args(["--model", model, "a.png"]);
        failure(command.args(options.split_whitespace()), code)
    };
    for option in [
        "--resize crop",
        "--interpolation bicubic",
        "--preprocess clip",
        "--preprocess bytes",
        "--size 224",
        "--mean 0.5",
        "--std 0.5",
    ] {
        let refused = run("pictures.onnx", option, 1);
        let name = option.split(' ').next().unwrap();
        assert!(refused.stdout.is_empty(), "{option}");
        assert!(
            refused.stderr.contains(&format!("`{name}"))
                && refused.stderr.contains("resizes and normalises pictures itself"),
            "{}",
            refused.stderr
        );
    }
    for option in [
        "--mean 0.5",
        "--std 0.5",
        "--preprocess half",
        "--preprocess unit",
    ] {
        let refused = run("bytes.onnx", option, 1);
        assert!(
            refused.stderr.contains("which it normalises itself"),
            "{}",
            refused.stderr
        );
    }
    let plain = run("bytes.onnx", "--format csv", 0).stdout;
    let cropped = run("bytes.onnx", "--format csv --resize crop", 0).stdout;
    assert_ne!(plain, cropped);
    // The resize of a preset counts, and the model's own mean and standard deviation, for candle too.
    let preset = run("bytes.onnx", "--format csv --preprocess bytes", 0).stdout;
    assert_eq!(preset, cropped);
    run("pictures.onnx", "", 0);
}

#[test]
fn a_column_that_no_input_has_is_told() {
    let folder = folder();
    picture(&folder, "a.png");
    let run = failure(program(&folder).args(["--column", "image", "a.png"]), 2);
    assert!(
        run.stderr.contains("no PATH is a Parquet or Arrow file"),
        "{}",
        run.stderr
    );
    // What a folder or a list holds is known at the end.
    let warning = "`--column` had no effect: no input is a Parquet or Arrow file";
    std::fs::write(folder.path().join("list.txt"), "a.png\n").unwrap();
    for arguments in [&["."][..], &["--list", "list.txt"]] {
        let run = success(program(&folder).args(["--column", "image"]).args(arguments));
        assert_eq!(run.stderr.matches(warning).count(), 1, "{}", run.stderr);
    }
    std::fs::write(folder.path().join("b.parquet"), "no table").unwrap();
    for arguments in [&["a.png", "b.parquet"][..], &["a.png", "*.parquet"]] {
        let run = failure(program(&folder).args(["--column", "image"]).args(arguments), 3);
        assert!(!run.stderr.contains("had no effect"), "{}", run.stderr);
    }
}

/// A file that does not exist is not missed: nothing would read it.
#[test]
fn options_of_a_check_that_is_off_are_mistakes() {
    let folder = folder();
    picture(&folder, "a.png");
    for (arguments, option) in [
        (
            &[
                "--engine",
                "ort",
                "--parity",
                "off",
                "--weights",
                "gone.safetensors",
            ][..],
            "--weights",
        ),
        (&["--parity", "off", "--tolerance", "1"], "--tolerance"),
        (&["--engine", "candle", "--tolerance", "1"], "--tolerance"),
    ] {
        let run = failure(bare(&folder).args(arguments).arg("a.png"), 2);
        let message = format!("`{option}` has no effect");
        assert!(run.stderr.contains(&message), "{}", run.stderr);
    }
    // candle reads them to classify.
    let weights = ["--parity", "off", "--weights", "gone.safetensors", "a.png"];
    let run = failure(program(&folder).args(weights), 1);
    assert!(run.stderr.contains("gone.safetensors"), "{}", run.stderr);
}

/// Whether candle stands in for ONNX Runtime, and reads the weights, is not known before.
#[test]
fn weights_of_a_check_that_is_off_are_told_with_onnx_runtime() {
    let Some(library) = library() else { return };
    let folder = folder();
    picture(&folder, "a.png");
    let arguments = [
        "--device=cpu",
        "--parity=off",
        "--weights=gone.safetensors",
        "a.png",
    ];
    let run = success(bare(&folder).arg("--ort-lib").arg(&library).args(arguments));
    let warning = "`--weights` has no effect with `--parity off`, since ONNX Runtime classifies";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{}", run.stderr);
}

#[test]
fn a_batch_size_that_the_model_does_not_take_is_told() {
    let Some(library) = library() else { return };
    let folder = folder();
    picture(&folder, "a.png");
    let four = ExportOptions {
        batch: Some(4),
        ..ExportOptions::default()
    };
    common::export(&folder, "model.onnx", &four);
    for (size, is_told) in [("2", true), ("4", false)] {
        let mut command = bare(&folder);
        command.arg("--ort-lib").arg(&library);
        let run = success(command.args(["--device", "cpu", "--batch-size", size, "a.png"]));
        let told = run.stderr.contains("`model.onnx`, which takes 4 at once");
        assert_eq!(told, is_told, "{}", run.stderr);
    }
}
