//! Files that ONNX Runtime may run, and that are wrong all the same.

use mbn_onnx::builder::GraphBuilder;
use mbn_onnx::proto::{DataType, ModelProto, StringStringEntryProto, TensorProto};
use mbn_onnx::{Precision, TensorType};
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{change, export, fails, folder_with_model, library, of_another, save, sigmoid};

/// A model of another program that adds a constant, `c`.
fn adding() -> ModelProto {
    let mut graph = GraphBuilder::new("other");
    let ty = TensorType::new(DataType::Float, [2.into(), 3.into()]);
    graph.input("x", &ty);
    graph.output("y", &ty);
    graph.initializer("c", &[3], &[1.0, 2.0, 3.0], Precision::Fp32);
    graph.node("Add", "add", ["x", "c"], "y", []);
    of_another(graph)
}

fn constant(proto: &mut ModelProto) -> &mut TensorProto {
    &mut proto.graph.as_mut().unwrap().initializer[0]
}

#[test]
fn models_that_compute_as_in_training_do_not_pass() {
    let messages = [
        "does not pass: node `noise` (RandomNormalLike) draws random values",
        "hint: export the model without what is random",
    ];
    let folder = folder_with_model(&[]);
    let mut proto = adding();
    let graph = proto.graph.as_mut().unwrap();
    let mut random = GraphBuilder::new("random");
    random.node("RandomNormalLike", "noise", ["x"], "noise", []);
    graph.node.insert(0, random.finish().node.remove(0));
    graph.node[1].input[1] = "noise".to_owned();
    graph.initializer.clear();
    save(&folder, "other.onnx", proto);
    fails(&folder, &["check", "other.onnx"], 1, &messages);
    // A file that says it is ours.
    change(&folder, "model.onnx", |proto| {
        let graph = proto.graph.as_mut().unwrap();
        let last = graph.node.len() - 1;
        let mut added = GraphBuilder::new("random");
        added.node("RandomNormalLike", "noise", ["own"], "noise", []);
        added.node("Add", "sum", ["own", "noise"], "logits", []);
        graph.node[last].output[0] = "own".to_owned();
        graph.node.extend(added.finish().node);
    });
    fails(&folder, &["check", "model.onnx"], 1, &messages);
}

#[test]
fn what_onnxs_own_checker_refuses_does_not_pass() {
    let folder = TempDir::new().unwrap();
    let mut twice = adding();
    constant(&mut twice).float_data = vec![1.0; 3];
    let mut unnamed = sigmoid();
    unnamed.graph.as_mut().unwrap().name = None;
    for (proto, message) in [
        (
            twice,
            "constant `c` has data in `raw_data` and in `float_data`, expected in one of them",
        ),
        (unnamed, "a graph in it has no name, which ONNX demands"),
    ] {
        save(&folder, "m.onnx", proto);
        fails(&folder, &["check", "m.onnx"], 1, &["`m.onnx`", message]);
    }
    let Some(library) = library() else { return };
    let mut old = adding();
    old.ir_version = Some(3);
    old.opset_import[0].version = Some(8);
    save(&folder, "m.onnx", old);
    export(folder.path(), &["check", "m.onnx", &library])
        .success()
        .stdout(contains(
            "warning    in IR 3 constants are to be among the inputs, as ONNX's own checker demands: `c`;",
        ));
}

/// Other programs put the constants of this project's files into a file of their own, too.
#[test]
fn an_own_file_with_its_constants_outside_is_checked() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&[]);
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    let mut data = Vec::new();
    change(&folder, "model.onnx", |proto| {
        for tensor in &mut proto.graph.as_mut().unwrap().initializer {
            let Some(bytes) = tensor.raw_data.take_if(|bytes| bytes.len() > 64) else {
                continue;
            };
            tensor.data_location = Some(1);
            tensor.external_data = [
                ("location", "model.onnx.data".to_owned()),
                ("offset", data.len().to_string()),
                ("length", bytes.len().to_string()),
            ]
            .map(entry)
            .to_vec();
            data.extend(bytes);
        }
    });
    assert!(data.len() > 100_000);
    let outside = folder.path().join("model.onnx.data");
    std::fs::write(&outside, &data).unwrap();
    let check = || {
        export(
            folder.path(),
            &["check", "--weights=w.safetensors", "model.onnx", &library],
        )
    };
    check()
        .success()
        .stdout(contains("reference  `w.safetensors`").and(contains("\npassed")));
    // What is outside is what is checked.
    data.fill(0x3d);
    std::fs::write(&outside, &data).unwrap();
    check().code(1).stderr(contains("`model.onnx` does not pass"));
}

/// The Hub's cache keeps a repository's files in one folder, and links to them under their names.
#[cfg(unix)]
#[test]
fn data_in_the_hubs_cache_is_read() {
    use std::os::unix::fs::symlink;

    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    let snapshot = folder.path().join("snapshots/commit");
    std::fs::create_dir_all(folder.path().join("blobs")).unwrap();
    std::fs::create_dir_all(&snapshot).unwrap();
    let mut proto = adding();
    let entry = |(key, value): (&str, &str)| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    let tensor = constant(&mut proto);
    let data = tensor.raw_data.take().unwrap();
    tensor.data_location = Some(1);
    tensor.external_data = [("location", "m.onnx_data"), ("offset", "0"), ("length", "12")]
        .map(entry)
        .to_vec();
    save(&folder, "blobs/aaaa", proto);
    std::fs::write(folder.path().join("blobs/bbbb"), &data).unwrap();
    for (blob, name) in [("aaaa", "m.onnx"), ("bbbb", "m.onnx_data")] {
        symlink(format!("../../blobs/{blob}"), snapshot.join(name)).unwrap();
    }
    let model = "snapshots/commit/m.onnx";
    export(folder.path(), &["check", model, &library])
        .success()
        .stdout(contains("1 output of floats, all finite"));
    export(folder.path(), &["diff", model, model, &library])
        .success()
        .stdout(contains("all of 1 shared value agree"));
    export(folder.path(), &["show", model])
        .success()
        .stdout(contains("in `m.onnx_data`: 12 bytes of `c`"));
    // A link from the model's own folder to somewhere else.
    std::fs::write(folder.path().join("secret"), &data).unwrap();
    std::fs::remove_file(snapshot.join("m.onnx_data")).unwrap();
    symlink("../../secret", snapshot.join("m.onnx_data")).unwrap();
    for command in ["check", "show"] {
        export(folder.path(), &[command, model])
            .code(1)
            .stderr(contains("a link leads to `").and(contains("secret`, expected a file below")));
    }
}
