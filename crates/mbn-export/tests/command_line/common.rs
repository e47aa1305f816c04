//! A folder with weights, and the program run in it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataType, ModelProto, OperatorSetIdProto};
use mbn_onnx::{Model, TensorType};
use mbn_spec::{Alpha, Architecture, Metadata, TensorSpec};
use mbn_testing::{Needs, skip};
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

/// Runs the program in `folder` without ONNX Runtime from the environment.
pub fn export(folder: &Path, args: &[&str]) -> Assert {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mbn-export"));
    command.current_dir(folder).args(args).assert()
}

pub fn fails(folder: &TempDir, args: &[&str], code: i32, messages: &[&str]) {
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

pub fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
}

/// Weights with every value from a function of name and position.
pub fn weights(alpha: Alpha, classes: usize, value: impl Fn(&str, usize) -> f32) -> Weights {
    let architecture = Architecture::new(alpha, classes);
    let values = |spec: &TensorSpec| {
        let len = spec.shape.iter().product();
        (0..len).map(|i| value(&spec.name, i)).collect()
    };
    Weights::from_fns(architecture, Metadata::default(), values, |_| 1).unwrap()
}

pub fn small(name: &str, i: usize) -> f32 {
    let is_scale = name.ends_with(".1.weight") || name.ends_with(".4.weight");
    if is_scale || name.ends_with("running_var") {
        1.0
    } else {
        ((i % 13) as f32 - 6.0) / 40.0
    }
}

pub fn folder_with_weights() -> TempDir {
    let folder = TempDir::new().unwrap();
    weights(Alpha::Quarter, 3, small)
        .save(&folder.path().join("w.safetensors"))
        .unwrap();
    folder
}

/// The option that names ONNX Runtime's library, if there is one.
pub fn library() -> Option<String> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    if !library.is_dir() {
        skip(Needs::Other, "`make onnxruntime` has not been run");
        return None;
    }
    Some(format!("--ort-lib={}", library.display()))
}

/// A folder with weights and the file `model.onnx` of them.
pub fn folder_with_model(args: &[&str]) -> TempDir {
    let folder = folder_with_weights();
    write(&folder, "model.onnx", args);
    folder
}

pub fn write(folder: &TempDir, name: &str, args: &[&str]) {
    let mut line = vec!["--weights=w.safetensors", "--size=64", "--no-verify", name];
    line.extend(args);
    export(folder.path(), &line).success();
}

/// Changes a file.
pub fn change(folder: &TempDir, name: &str, change: impl FnOnce(&mut ModelProto)) {
    let path = folder.path().join(name);
    let mut proto = Model::load(&path).unwrap().proto().clone();
    change(&mut proto);
    std::fs::write(&path, Model::from(proto).to_bytes()).unwrap();
}

pub fn save(folder: &TempDir, name: &str, proto: ModelProto) {
    std::fs::write(folder.path().join(name), Model::from(proto).to_bytes()).unwrap();
}

/// A model of another program: a sigmoid.
pub fn sigmoid() -> ModelProto {
    let mut graph = GraphBuilder::new("other");
    let ty = TensorType::new(DataType::Float, [mbn_onnx::Dim::Symbol("n".into()), 3.into()]);
    graph.input("x", &ty);
    graph.output("y", &ty);
    graph.node("Sigmoid", "s", ["x"], "y", [("unused", Attribute::Int(1)); 0]);
    of_another(graph)
}

/// A graph as the model of another program.
pub fn of_another(graph: GraphBuilder) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        producer_name: Some("another".into()),
        graph: Some(graph.finish()),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(15),
        }],
        ..ModelProto::default()
    }
}
