//! The three programs one after the other, as a user runs them: train, export, classify, check.
//!
//! `cargo test --workspace` builds the programs. To run this test alone, build them first with
//! `cargo build --workspace --bins`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use std::path::Path;

use common::{picture, program};
use predicates::prelude::*;
use predicates::str::contains;

/// Whether `make onnxruntime` has been run, or the environment names a library.
fn has_onnx_runtime() -> bool {
    let download = Path::new(env!("CARGO_MANIFEST_DIR")).join("onnxruntime/lib");
    std::env::var_os("ORT_DYLIB_PATH").is_some() || download.is_dir()
}

#[test]
fn train_export_classify_check() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (split, count) in [("train", 16), ("val", 4)] {
        for (class, colour) in [("blue", [0, 30, 180]), ("red", [180, 30, 0])] {
            for i in 0..count {
                picture(at(&format!("data/{split}/{class}/{i}.png")), colour, i);
            }
        }
    }
    let here = |name: &str| {
        let mut command = program(name);
        command.current_dir(folder.path());
        command
    };
    // With an average over few steps, seeds 0 to 7 all classify every test picture correctly after at most 14 epochs.
    let small = "--data data --alpha 0.25 --size 64 --epochs 20 --batch-size 8 --lr 0.05 --ema 0.9 --out run";
    here("mbn-train").args(small.split(' ')).assert().success();

    let mut export = here("mbn-export");
    export.args(["--alpha", "0.25", "model.onnx"]);
    if !has_onnx_runtime() {
        export.arg("--no-verify");
    }
    export.assert().success();
    assert!(at("model.onnx").exists());

    let weights = "models/mobilenet_v1_0.25.safetensors";
    let candle = [
        "--engine", "candle", "--model", weights, "--format", "json", "data/val",
    ];
    let output = here("mbn-infer")
        .args(candle)
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let lines: Vec<serde_json::Value> = String::from_utf8(output)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 8);
    for line in &lines {
        let path = line["path"].as_str().unwrap();
        let label = line["predictions"][0]["label"].as_str().unwrap();
        assert!(path.contains(label), "{line}");
    }

    let evaluation = here("mbn-infer")
        .args(["--model", "model.onnx", "--evaluate", "data/val"])
        .assert();
    evaluation
        .success()
        .stderr(contains("100.00 %").or(contains("100 %")));
}

#[test]
fn every_program_has_help_with_examples_and_a_version() {
    for name in ["mbn-train", "mbn-export", "mbn-infer"] {
        program(name)
            .arg("--help")
            .assert()
            .success()
            .stdout(contains("Examples:"));
        program(name)
            .arg("--version")
            .assert()
            .success()
            .stdout(contains(name));
        let assert = program(name).arg("--no-such-option").assert();
        assert.code(2).stdout("").stderr(contains("--no-such-option"));
    }
}
