//! An output is continued only with the numbers that it was made with.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mbn_onnx::Model;
use mbn_onnx::proto::{DataLocation, DataType, StringStringEntryProto};
use tempfile::TempDir;

use crate::common::{Run, folder, library, without_library};
use crate::foreign::model::{Build, IDENTITY, first};
use crate::foreign::picture;
use crate::int8;

/// What an interrupted run of these options leaves, with one result.
fn interrupted(folder: &TempDir, options: &[&str]) {
    let mut child = program(folder, options)
        .args(["--list", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The list stays open: its end would end the run.
    let mut list = child.stdin.take().unwrap();
    list.write_all(b"a.png\n").unwrap();
    let partial = folder.path().join("out.partial");
    while partial.metadata().map_or(0, |partial| partial.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "the run ended early");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn program(folder: &TempDir, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-infer"));
    without_library(&mut command)
        .current_dir(folder.path())
        .args(options)
        .args(["--format", "json", "--output", "out"]);
    command
}

fn resumed(folder: &TempDir, options: &[&str]) -> Run {
    let mut command = program(folder, options);
    Run::of(command.args(["--resume", "a.png"]).output().unwrap())
}

/// Moves the constants of `model.onnx` into `model.onnx.data`.
fn move_constants(folder: &Path) {
    let path = folder.join("model.onnx");
    let mut proto = Model::load(&path).unwrap().proto().clone();
    let mut data = Vec::new();
    for tensor in &mut proto.graph.as_mut().unwrap().initializer {
        let values = tensor.raw_data.take().unwrap();
        let entry = |(key, value): (&str, String)| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value),
        };
        let place = [
            ("location", "model.onnx.data".to_owned()),
            ("offset", data.len().to_string()),
            ("length", values.len().to_string()),
        ];
        tensor.external_data = place.map(entry).to_vec();
        tensor.data_location = Some(DataLocation::External as i32);
        data.extend(values);
    }
    std::fs::write(&path, Model::from(proto).to_bytes()).unwrap();
    std::fs::write(folder.join("model.onnx.data"), data).unwrap();
}

/// The ONNX file stays as it is when its weights beside it are replaced.
#[test]
fn other_weights_beside_the_model_do_not_continue() {
    let Some(library) = library() else { return };
    let folder = folder();
    picture(&folder, "a.png", [200, 100, 50]);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &IDENTITY, "scores");
    build.output("scores", 3);
    build.save(&folder);
    move_constants(folder.path());
    let options = ["--ort-lib", library.to_str().unwrap(), "--device", "cpu"];
    interrupted(&folder, &options);
    let data = folder.path().join("model.onnx.data");
    let before = std::fs::read(&data).unwrap();
    let other: Vec<u8> = before.iter().rev().copied().collect();
    std::fs::write(&data, other).unwrap();
    let run = resumed(&folder, &options);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("it was made by another model\nhint: "),
        "{}",
        run.stderr
    );
    std::fs::write(&data, before).unwrap();
    let run = resumed(&folder, &options);
    assert_eq!(run.code, 0, "{}", run.stderr);
    // A model that was copied without them.
    std::fs::remove_file(&data).unwrap();
    let run = Run::of(program(&folder, &options).arg("a.png").output().unwrap());
    assert_eq!(run.code, 1, "{}", run.stderr);
    let hint = "hint: the model keeps constants in files of their own, which are not there: `model.onnx.data`; copy them";
    assert!(run.stderr.contains(hint), "{}", run.stderr);
}

/// candle computes the integers in an int8 file, or the float32 weights that it was made from.
#[test]
fn integers_and_float32_do_not_continue_each_other() {
    let folder = folder();
    picture(&folder, "a.png", [200, 100, 50]);
    int8::files(&folder, mbn_spec::LayerSet::NONE);
    let integers = ["--engine", "candle"];
    let float32 = ["--engine", "candle", "--weights", "own.safetensors"];
    for [before, now] in [[&integers[..], &float32], [&float32, &integers]] {
        interrupted(&folder, before);
        let run = resumed(&folder, now);
        assert_eq!(run.code, 1, "{}", run.stderr);
        let part = "it was made by other weights: candle takes those of `--weights`";
        assert!(run.stderr.contains(part), "{}", run.stderr);
        let run = resumed(&folder, before);
        assert_eq!(run.code, 0, "{}", run.stderr);
        std::fs::remove_file(folder.path().join("out")).unwrap();
    }
}
