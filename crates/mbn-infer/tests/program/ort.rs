//! The program with ONNX Runtime as the engine, where `make onnxruntime` got it.

use std::path::Path;

use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataType, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto};
use mbn_onnx::{ANTIALIASED_RESIZE, Dim, ExportOptions, InputKind, InputSize, Model, Precision, TensorType};
use mbn_spec::{Metadata, Preprocess};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, bare, failure, folder, library, picture, success};

/// The program with ONNX Runtime named.
fn program(folder: &TempDir, library: &Path) -> assert_cmd::Command {
    let mut command = bare(folder);
    command.arg("--ort-lib").arg(library);
    command
}

/// The probabilities of all classes of all images in the folder, in order.
fn probabilities(command: &mut assert_cmd::Command) -> Vec<f64> {
    let run = success(command.args(["--format", "json", "--top-k", "1000", "."]));
    let lines = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut found = Vec::new();
    for line in lines {
        let mut classes = line["predictions"].as_array().unwrap().clone();
        classes.sort_by_key(|class| class["index"].as_u64());
        found.extend(classes.iter().map(|class| class["probability"].as_f64().unwrap()));
    }
    found
}

#[test]
fn every_kind_of_exported_file_passes_parity() {
    let Some(library) = library() else { return };
    let folder = folder();
    for i in 0..5 {
        picture(&folder, &format!("{i}.png"));
    }
    let default = ExportOptions::default();
    let options = [
        default,
        ExportOptions {
            fold: false,
            ..default
        },
        ExportOptions {
            precision: Precision::Fp16,
            ..default
        },
        ExportOptions {
            input: InputKind::Uint8,
            ..default
        },
        ExportOptions {
            softmax: true,
            features: true,
            ..default
        },
        ExportOptions {
            batch: Some(3),
            ..default
        },
        ExportOptions {
            size: InputSize::Any,
            ..default
        },
        ExportOptions {
            input: InputKind::Uint8,
            size: InputSize::Any,
            batch: Some(2),
            ..default
        },
    ];
    let mut first = None;
    for options in options {
        common::export(&folder, "model.onnx", &options);
        let run = success(program(&folder, &library).args(["--parity", "all", "--batch-size", "2", "."]));
        assert!(run.stderr.contains("parity passed"), "{}", run.stderr);
        assert!(run.stderr.contains("agrees on 5 of 5 images"), "{}", run.stderr);
        assert!(run.stderr.contains("CPUExecutionProvider"), "{}", run.stderr);
        let found = probabilities(program(&folder, &library).args(["--parity", "off"]));
        if options.precision == Precision::Fp32 {
            common::assert_same(&found, first.get_or_insert(found.clone()));
        }
    }
}

/// A graph that resizes gets whole pictures: wide, high, of odd sizes, smaller than its input, and one that cannot be read. It
/// finds what the program finds when it resizes itself.
#[test]
fn a_model_that_resizes_agrees_with_the_programs_own_resizing() {
    let Some(library) = library() else { return };
    let folder = folder();
    for (i, (width, height)) in [(301, 233), (233, 301), (301, 233), (57, 91), (640, 131)]
        .into_iter()
        .enumerate()
    {
        let image = image::RgbImage::from_fn(width, height, |x, y| {
            let wave = |step: f32| 128.0 + 90.0 * (step * (x + 2 * y) as f32 + i as f32).sin();
            image::Rgb([
                wave(0.03) as u8,
                wave(0.05) as u8,
                (x / 9 * 31 + y / 7 * 17) as u8,
            ])
        });
        image.save(folder.path().join(format!("{i}.png"))).unwrap();
    }
    std::fs::write(folder.path().join("broken.png"), b"no picture").unwrap();
    let default = ExportOptions::default();
    common::export(&folder, "model.onnx", &default);
    let line = ["--parity", "all", "--bad-images", "report", "."];
    let outside = success(program(&folder, &library).args(line));
    for batch in [None, Some(2)] {
        let options = ExportOptions {
            opset: ANTIALIASED_RESIZE,
            input: InputKind::Uint8,
            size: InputSize::Resized,
            batch,
            ..default
        };
        common::export(&folder, "model.onnx", &options);
        let inside = success(program(&folder, &library).args(line));
        assert!(
            inside.stderr.contains("agrees on 5 of 5 images"),
            "{}",
            inside.stderr
        );
        let first = |text: &str| -> Vec<String> {
            let lines = text.lines();
            let words = lines.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
            words.collect()
        };
        assert_eq!(first(&inside.stdout), first(&outside.stdout));
    }
}

/// ONNX Runtime would collect data about its use in a folder of the user's.
#[cfg(unix)]
#[test]
fn nothing_is_collected_about_the_user() {
    let Some(library) = library() else { return };
    let (folder, home) = (folder(), common::folder());
    picture(&folder, "a.png");
    let mut command = program(&folder, &library);
    command.env("HOME", home.path()).env_remove("XDG_CACHE_HOME");
    success(command.arg("a.png"));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn weights_and_the_built_in_model_pass_parity() {
    let Some(library) = library() else { return };
    let folder = folder();
    picture(&folder, "a.png");
    let run = success(program(&folder, &library).arg("a.png"));
    assert!(
        run.stderr.contains("model: the weights built into the program"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("parity passed"), "{}", run.stderr);
    common::other_weights(&folder, "w.safetensors");
    let run = success(program(&folder, &library).args(["--model", "w.safetensors", "a.png"]));
    assert!(run.stderr.contains("parity passed"), "{}", run.stderr);
    let run = success(program(&folder, &library).args(["--parity", "off", "a.png"]));
    assert!(!run.stderr.contains("parity"), "{}", run.stderr);
}

#[test]
fn a_model_of_other_values_than_its_weights_fails_parity() {
    let Some(library) = library() else { return };
    let folder = folder();
    picture(&folder, "a.png");
    common::export(&folder, "model.onnx", &ExportOptions::default());
    let mut bytes = std::fs::read(folder.path().join("model.onnx")).unwrap();
    // The classifier's bias: its last float in little endian becomes 8, the hash stays.
    let bias = *mbn_infer::builtin::weights()
        .unwrap()
        .values("fc.bias")
        .last()
        .unwrap();
    let at = bytes
        .windows(4)
        .rposition(|window| window == bias.to_le_bytes())
        .unwrap();
    bytes[at..at + 4].copy_from_slice(&8.0f32.to_le_bytes());
    std::fs::write(folder.path().join("model.onnx"), bytes).unwrap();
    let run = failure(program(&folder, &library).arg("a.png"), 1);
    assert!(run.stderr.contains("parity failed"), "{}", run.stderr);
    assert!(run.stdout.starts_with("a.png: "));
    success(program(&folder, &library).args(["--tolerance", "100", "a.png"]));
    success(program(&folder, &library).args(["--parity", "off", "a.png"]));
}

/// The change is in unlikely classes only: as a difference of probabilities it would be too small to see.
#[test]
fn a_float16_model_of_probabilities_that_is_wrong_fails_parity() {
    let Some(library) = library() else { return };
    let folder = folder();
    picture(&folder, "a.png");
    let builtin = mbn_infer::builtin::weights().unwrap();
    let options = ExportOptions {
        precision: Precision::Fp16,
        softmax: true,
        ..ExportOptions::default()
    };
    let mut proto = mbn_onnx::export(&builtin, &options).unwrap().proto().clone();
    // Files of other programs give probabilities alone.
    proto.graph.as_mut().unwrap().output.remove(0);
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, mbn_onnx::Model::from(proto.clone()).to_bytes()).unwrap();
    let run = success(program(&folder, &library).arg("a.png"));
    assert!(
        run.stderr.contains("parity passed: log-probabilities"),
        "{}",
        run.stderr
    );
    let bias = proto
        .graph
        .as_mut()
        .unwrap()
        .initializer
        .iter_mut()
        .find(|tensor| tensor.name() == "fc.bias");
    // Minus 8 in float16, little endian, for a class that is unlikely already.
    let values = bias.unwrap().raw_data.as_mut().unwrap();
    let class = 2 * unlikely(&run.stdout);
    values[class..class + 2].copy_from_slice(&[0x00, 0xc8]);
    std::fs::write(&path, mbn_onnx::Model::from(proto).to_bytes()).unwrap();
    let run = failure(program(&folder, &library).arg("a.png"), 1);
    assert!(run.stderr.contains("parity failed"), "{}", run.stderr);
}

/// A class that is not among those printed.
fn unlikely(line: &str) -> usize {
    let names = common::class_names();
    names.iter().position(|name| !line.contains(name)).unwrap()
}

#[test]
fn a_model_without_weights_is_checked_with_its_own_constants() {
    let Some(library) = library() else { return };
    let folder = folder();
    picture(&folder, "a.png");
    common::other_weights(&folder, "other.safetensors");
    let weights = mbn_weights::Weights::load(&folder.path().join("other.safetensors")).unwrap();
    let model = mbn_onnx::export(&weights, &ExportOptions::default()).unwrap();
    std::fs::write(folder.path().join("model.onnx"), model.to_bytes()).unwrap();
    for options in [&[][..], &["--parity", "all"]] {
        let run = success(program(&folder, &library).args(options).arg("a.png"));
        let constants = "parity is checked with the constants in `model.onnx`";
        assert!(run.stderr.contains(constants), "{}", run.stderr);
        assert!(run.stderr.contains("parity passed"), "{}", run.stderr);
    }
    // A graph that the exporter does not write.
    let mut proto = model.proto().clone();
    let nodes = &mut proto.graph.as_mut().unwrap().node;
    let last = nodes.last_mut().unwrap();
    let output = std::mem::replace(&mut last.output[0], "before".to_owned());
    nodes.push(NodeProto {
        op_type: Some("Identity".to_owned()),
        input: vec!["before".to_owned()],
        output: vec![output],
        ..NodeProto::default()
    });
    std::fs::write(
        folder.path().join("model.onnx"),
        mbn_onnx::Model::from(proto).to_bytes(),
    )
    .unwrap();
    let run = success(program(&folder, &library).arg("a.png"));
    assert!(run.stderr.contains("parity is not checked"), "{}", run.stderr);
    let run = failure(program(&folder, &library).args(["--parity", "first", "a.png"]), 1);
    assert!(run.stderr.contains("parity cannot be checked"), "{}", run.stderr);
    std::fs::write(folder.path().join("model.onnx"), model.to_bytes()).unwrap();
    // Where `mbn-train` publishes weights, they are found by their hash, whatever their name.
    std::fs::create_dir(folder.path().join("models")).unwrap();
    std::fs::rename(
        folder.path().join("other.safetensors"),
        folder.path().join("models/x.safetensors"),
    )
    .unwrap();
    let run = success(program(&folder, &library).args(["--parity", "first", "a.png"]));
    assert!(run.stderr.contains("parity passed"), "{}", run.stderr);
    assert!(!run.stderr.contains("the constants in"), "{}", run.stderr);
}

#[test]
fn engines_agree() {
    let Some(library) = library() else { return };
    let folder = folder();
    for name in ["a.png", "b.jpg", "c.png"] {
        picture(&folder, name);
    }
    let ort = probabilities(program(&folder, &library).args(["--engine", "ort"]));
    assert_eq!(ort.len(), 3 * common::class_names().len());
    common::assert_same(&ort, &probabilities(&mut common::program(&folder)));
}

#[test]
fn cuda_is_refused_where_the_library_has_none() {
    let Some(library) = library() else { return };
    let folder = folder();
    picture(&folder, "a.png");
    let run = failure(
        program(&folder, &library).args(["--device", "cuda:1", "a.png"]),
        1,
    );
    assert!(
        run.stderr.contains("`--device cuda:1` is not available"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("CUDA provider"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn libraries_that_cannot_be_used_are_named() {
    let folder = folder();
    picture(&folder, "a.png");
    std::fs::write(folder.path().join("text.so"), b"this is a text").unwrap();
    for library in ["text.so", "gone.so"] {
        let run = failure(program(&folder, Path::new(library)).arg("a.png"), 1);
        assert!(
            run.stderr.contains(library) && run.stderr.contains("hint: "),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "");
        let run = failure(bare(&folder).env("ORT_DYLIB_PATH", library).arg("a.png"), 1);
        assert!(run.stderr.contains(library), "{}", run.stderr);
    }
}

/// Writes a classifier of uint8 pictures whose logits are the means of the channels. Its preprocessing makes no
/// finite float of a byte.
fn mean_of_bytes(folder: &TempDir) {
    const SIZE: usize = 32;
    let batch = || Dim::Symbol("batch".to_owned());
    let image = [batch(), Dim::Fixed(SIZE), Dim::Fixed(SIZE), Dim::Fixed(3)];
    let mut graph = GraphBuilder::new("means");
    graph.input("input", &TensorType::new(DataType::Uint8, image));
    graph.output(
        "logits",
        &TensorType::new(DataType::Float, [batch(), Dim::Fixed(3)]),
    );
    let float = Attribute::Int(DataType::Float as i64);
    graph.node("Cast", "cast", ["input"], "floats", [("to", float)]);
    let attributes = [
        ("axes", Attribute::Ints(vec![1, 2])),
        ("keepdims", Attribute::Int(0)),
    ];
    graph.node("ReduceMean", "mean", ["floats"], "logits", attributes);
    let metadata = Metadata {
        preprocess: Some(Preprocess {
            size: SIZE,
            mean: [0.0; 3],
            std: [1e-14; 3],
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let entry = |(key, value)| StringStringEntryProto {
        key: Some(key),
        value: Some(value),
    };
    let model = Model::from(ModelProto {
        ir_version: Some(8),
        graph: Some(graph.finish()),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(17),
        }],
        metadata_props: metadata.to_pairs().into_iter().map(entry).collect(),
        ..ModelProto::default()
    });
    std::fs::write(folder.path().join("model.onnx"), model.to_bytes()).unwrap();
}

#[test]
fn a_uint8_model_gets_the_bytes_of_the_resized_picture() {
    let Some(library) = library() else { return };
    let folder = folder();
    mean_of_bytes(&folder);
    // One colour stays the same at any size.
    image::RgbImage::from_pixel(60, 40, image::Rgb([100, 102, 101]))
        .save(folder.path().join("a.png"))
        .unwrap();
    let found = probabilities(program(&folder, &library).args(["--parity", "off"]));
    // softmax(100, 102, 101)
    common::assert_same(&found, &[0.090_030_57, 0.665_240_96, 0.244_728_47]);
}
