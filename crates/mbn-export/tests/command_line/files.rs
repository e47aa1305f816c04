//! `check` and `show` on files of this program, of others, and of people who mean harm.

use std::path::PathBuf;

use mbn_onnx::TensorType;
use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataType, ModelProto, StringStringEntryProto, TensorProto};
use mbn_spec::Alpha;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{change, export, fails, folder_with_model, library, save, sigmoid, small, weights};

#[test]
fn a_proof_is_repeated_with_the_weights_or_without() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&["--softmax", "--features", "--batch=3"]);
    let own = export(folder.path(), &["check", "model.onnx", &library]).success();
    own.stdout(
        contains("own constants")
            .and(contains("3 in batches of 3"))
            .and(contains("`probabilities` fits the logits"))
            .and(contains("`features` fits the logits"))
            .and(contains("`features` fits candle's"))
            .and(contains("passed\n")),
    );
    let args = [
        "check",
        "model.onnx",
        "--weights=w.safetensors",
        "--report=r.json",
        &library,
    ];
    export(folder.path(), &args)
        .success()
        .stdout(contains("reference  `w.safetensors`"));
    let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["passed"], true);
    assert_eq!(report["cases"][0]["images"], 3);
    assert!(report["cases"][0]["largest"].as_f64() < report["cases"][0]["allowed"].as_f64());
    assert_eq!(report["operators"]["Conv"], 27);

    weights(Alpha::Quarter, 3, |name, i| small(name, i + 1))
        .save(&folder.path().join("other.safetensors"))
        .unwrap();
    let args = ["check", "model.onnx", "--weights=other.safetensors", &library];
    fails(&folder, &args, 1, &["does not hold the weights", "hint: "]);
}

/// An export may be asked to say something else than the weights do; whoever checks the file later should know.
#[test]
fn what_a_file_says_otherwise_than_its_weights_is_told() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&[]);
    let check = |args: &[&str]| {
        let line = [
            &["check", "--weights=w.safetensors", "--report=r.json", &library],
            args,
        ]
        .concat();
        let assert = export(folder.path(), &line).success();
        let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        let told: Vec<_> = report["differs_from_weights"].as_array().unwrap().clone();
        (
            String::from_utf8(assert.get_output().stdout.clone()).unwrap(),
            told,
        )
    };
    let (text, told) = check(&["model.onnx"]);
    assert!(
        text.contains("warning    `preprocess` differs from the weights': size 64 instead of 224\n"),
        "{text}"
    );
    assert_eq!(told.len(), 1);
    std::fs::write(folder.path().join("names.txt"), "class_0\nb\nc\n").unwrap();
    let args = [
        "--weights=w.safetensors",
        "--no-verify",
        "--classes=names.txt",
        "--mean=0.1,0.1,0.1",
        "other.onnx",
    ];
    export(folder.path(), &args).success();
    change(&folder, "other.onnx", |proto| {
        proto.metadata_props.push(StringStringEntryProto {
            key: Some("problem_type".into()),
            value: Some("multi_label_classification".into()),
        });
    });
    let (text, told) = check(&["other.onnx"]);
    for expected in [
        "`preprocess` differs from the weights': mean 0.1, 0.1, 0.1 instead of 0.485, 0.456, 0.406",
        "class 1 is `b`, `class_1` in the weights, and 1 more differ",
        "`problem_type` says that classes may be right at once; in the weights they exclude each other",
    ] {
        assert!(text.contains(&format!("warning    {expected}\n")), "{text}");
        assert!(told.iter().any(|line| line == expected), "{told:?}");
    }
    assert_eq!(told.len(), 3);
}

#[test]
fn a_changed_file_does_not_pass() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&[]);
    // A constant: only a comparison with the weights shows it.
    change(&folder, "model.onnx", |proto| {
        let tensors = &mut proto.graph.as_mut().unwrap().initializer;
        let bias = tensors
            .iter_mut()
            .find(|tensor| tensor.name() == "fc.bias")
            .unwrap();
        bias.raw_data.as_mut().unwrap()[..4].copy_from_slice(&5.0f32.to_le_bytes());
    });
    let line = [
        "check",
        "model.onnx",
        "--weights=w.safetensors",
        "--report=r.json",
        &library,
    ];
    export(folder.path(), &line).code(1).stdout("").stderr(contains(
        "`model.onnx` does not pass: its outputs differ from candle's",
    ));
    let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["passed"], false);
    assert!(report["error"].as_str().unwrap().contains("differ from candle's"));
    // The graph.
    change(&folder, "model.onnx", |proto| {
        proto.graph.as_mut().unwrap().node[0].attribute[2].ints = vec![0, 0, 2, 2];
    });
    let line = ["check", "model.onnx", &library];
    fails(&folder, &line, 1, &["was changed after `mbn-export` wrote it"]);
}

#[test]
fn a_rejected_file_is_kept_only_if_asked_for() {
    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    let exploding = |name: &str, i| match name.ends_with(".weight") {
        true => 5000.0,
        false => small(name, i),
    };
    weights(Alpha::Quarter, 3, exploding)
        .save(&folder.path().join("w.safetensors"))
        .unwrap();
    let line = ["--weights=w.safetensors", "--report=r.json", &library, "out.onnx"];
    export(folder.path(), &line).code(1);
    assert!(!folder.path().join("out.onnx").exists() && !folder.path().join("out.rejected.onnx").exists());
    assert!(folder.path().join("r.json").exists());
    let line = ["--weights=w.safetensors", "--keep-rejected", &library, "out.onnx"];
    export(folder.path(), &line)
        .code(1)
        .stderr(contains("kept as `out.rejected.onnx`"));
    assert!(!folder.path().join("out.onnx").exists() && folder.path().join("out.rejected.onnx").exists());
}

#[test]
fn files_of_other_programs_are_shown_and_checked_as_far_as_that_makes_sense() {
    let folder = TempDir::new().unwrap();
    save(&folder, "s.onnx", sigmoid());
    export(folder.path(), &["show", "s.onnx"]).success().stdout(
        contains("producer    another")
            .and(contains("1 Sigmoid"))
            .and(contains("output      y float32 [n, 3]")),
    );
    let Some(library) = library() else { return };
    let line = ["check", "s.onnx", &library];
    export(folder.path(), &line)
        .success()
        .stdout(contains("1 output of floats, all finite").and(contains("not compared with candle")));
    let line = ["check", "s.onnx", "--weights=w.safetensors", &library];
    fails(&folder, &line, 1, &["only files of `mbn-export`"]);
    export(folder.path(), &["diff", "s.onnx", "s.onnx", &library])
        .success()
        .stdout(contains("all of 1 shared value agree"));
}

/// Outputs of low precision are checked as others are, and those of integers are not said to be.
#[test]
fn outputs_of_every_type_are_checked() {
    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    let output_of = |elem: DataType, operator: &'static str| {
        let mut proto = sigmoid();
        let mut graph = GraphBuilder::new("other");
        let ty = |elem| TensorType::new(elem, [mbn_onnx::Dim::Symbol("n".into()), 3.into()]);
        graph.input("x", &ty(DataType::Float));
        graph.output("y", &ty(elem));
        graph.node(operator, "a", ["x"], "z", [("unused", Attribute::Int(1)); 0]);
        let to = [("to", Attribute::Int(elem as i64))];
        graph.node("Cast", "c", ["z"], "y", to);
        proto.graph = Some(graph.finish());
        proto
    };
    let check = |elem, operator| {
        save(&folder, "m.onnx", output_of(elem, operator));
        export(folder.path(), &["check", "m.onnx", &library])
    };
    for elem in [DataType::Float16, DataType::Bfloat16, DataType::Double] {
        // Noise has values below 0, which have no square root.
        check(elem, "Sqrt")
            .code(1)
            .stderr(contains("its output `y` has the value NaN"));
        check(elem, "Sigmoid")
            .success()
            .stdout(contains("1 output of floats, all finite"));
    }
    check(DataType::Int64, "Sigmoid").success().stdout(contains(
        "none of its outputs holds floats, so that nothing of them was checked",
    ));
}

#[test]
fn a_file_is_shown_whole() {
    let folder = folder_with_model(&["--input=uint8", "--resize-inside", "--features"]);
    export(folder.path(), &["show", "model.onnx"])
        .success()
        .stderr("")
        .stdout(
            contains("format      IR 8, opset 18")
                .and(contains("input       input uint8 [batch, height, width, 3]"))
                .and(contains("output      features float32 [batch, 256]"))
                .and(contains("metadata    preprocess = {\"size\":64"))
                .and(contains("| blocks.3.depthwise "))
                .and(contains("27 Conv"))
                .and(contains("213,843 parameters")),
        );
}

/// A file of one message, whose length it states.
fn message(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut file = vec![tag];
    let mut length = content.len();
    while length > 127 {
        file.push(length as u8 | 0x80);
        length >>= 7;
    }
    file.push(length as u8);
    file.extend(content);
    file
}

#[test]
fn harmful_files_are_one_clear_error() {
    let folder = folder_with_model(&[]);
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let put = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).unwrap();
    let whole = std::fs::read(path("model.onnx")).unwrap();
    std::fs::write(folder.path().join("secret.bin"), [0; 32]).unwrap();
    std::fs::create_dir(path("in")).unwrap();
    put("empty.onnx", b"");
    put("text.onnx", b"this is no model");
    put("page.onnx", b"<!DOCTYPE html><html></html>");
    put("cut.onnx", &whole[..whole.len() / 2]);
    put(
        "lie.onnx",
        &[0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
    );
    put("nodes.onnx", &message(0x3a, &[0x0a, 0x00].repeat(1_000_000)));
    put("parts.onnx", &message(0x3a, &[0x5a, 0x00].repeat(3_000_000)));
    let changed = |name: &str, edit: &dyn Fn(&mut ModelProto)| {
        std::fs::copy(path("model.onnx"), path(name)).unwrap();
        change(&folder, name, edit);
    };
    changed("cycle.onnx", &|proto| {
        let nodes = &mut proto.graph.as_mut().unwrap().node;
        nodes[2].input[0] = nodes[4].output[0].clone();
    });
    changed("short.onnx", &|proto| {
        let tensors = &mut proto.graph.as_mut().unwrap().initializer;
        tensors[0].dims = vec![1 << 31, 1 << 31];
    });
    let external = |location: &str| TensorProto {
        raw_data: None,
        data_location: Some(1),
        external_data: vec![StringStringEntryProto {
            key: Some("location".into()),
            value: Some(location.into()),
        }],
        ..TensorProto::default()
    };
    changed("in/outside.onnx", &|proto| {
        let tensors = &mut proto.graph.as_mut().unwrap().initializer;
        tensors[1] = TensorProto {
            name: tensors[1].name.clone(),
            dims: tensors[1].dims.clone(),
            data_type: tensors[1].data_type,
            ..external("../secret.bin")
        };
    });
    for (name, expected) in [
        ("gone.onnx", "gone.onnx"),
        ("in", "in"),
        ("empty.onnx", "the file is empty"),
        ("text.onnx", "not a whole ONNX file"),
        ("page.onnx", "it is a web page"),
        ("cut.onnx", "not a whole ONNX file"),
        ("lie.onnx", "not a whole ONNX file"),
        ("nodes.onnx", "more than 100000 nodes"),
        ("parts.onnx", "of memory"),
        ("cycle.onnx", "its nodes form a cycle: `"),
        ("short.onnx", "cannot have the dimensions"),
        (
            "in/outside.onnx",
            "`../secret.bin`: it is not below the model's folder",
        ),
    ] {
        for command in [
            &["show", name][..],
            &["check", name],
            &["diff", name, "model.onnx"],
            &["diff", "model.onnx", name],
        ] {
            fails(&folder, command, 1, &[expected]);
        }
    }
}
