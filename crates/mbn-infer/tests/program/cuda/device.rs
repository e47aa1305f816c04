//! A network of one product on a device that is the host's memory.

use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataType, ModelProto, OperatorSetIdProto};
use mbn_onnx::{Dim, Model, Precision, TensorType};
use tempfile::TempDir;

use super::Machine;
use crate::common::{Run, picture, success};

const PICTURES: usize = 9;
const SIZE: usize = 32;

/// Writes a classifier that is one product of the pixels, of one channel or of three, with weights.
fn one_product(folder: &TempDir, channels: usize) {
    const CLASSES: usize = 5;
    let batch = || Dim::Symbol("batch".to_owned());
    let image = [batch(), Dim::Fixed(channels), Dim::Fixed(SIZE), Dim::Fixed(SIZE)];
    let pixels = channels * SIZE * SIZE;
    let weights: Vec<f32> = (0..pixels * CLASSES)
        .map(|i| (i * 7919 % 1009) as f32 / 50_450.0 - 0.01)
        .collect();
    let mut graph = GraphBuilder::new("product");
    graph.input("input", &TensorType::new(DataType::Float, image));
    graph.output(
        "logits",
        &TensorType::new(DataType::Float, [batch(), Dim::Fixed(CLASSES)]),
    );
    graph.initializer("weights", &[pixels, CLASSES], &weights, Precision::Fp32);
    graph.node(
        "Flatten",
        "flatten",
        ["input"],
        "row",
        [("axis", Attribute::Int(1))],
    );
    graph.node("Gemm", "product", ["row", "weights"], "logits", []);
    let model = Model::from(ModelProto {
        ir_version: Some(8),
        graph: Some(graph.finish()),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(17),
        }],
        ..ModelProto::default()
    });
    std::fs::write(folder.path().join("model.onnx"), model.to_bytes()).unwrap();
}

impl Machine {
    /// With a device, and a network for it.
    fn with_device() -> Option<Self> {
        let machine = Self::new()?;
        one_product(&machine.pictures, 3);
        for i in 1..PICTURES {
            picture(&machine.pictures, &format!("{i}.png"));
        }
        Some(machine)
    }

    /// Classifies all pictures, on the device unless the arguments say otherwise.
    fn classify(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let mut command = self.program();
        command
            .env("STAND_IN_DEVICES", "1")
            .envs(environment.iter().copied())
            .args(["--format", "json", "--top-k", "5", "."])
            .args(arguments);
        success(&mut command)
    }
}

#[test]
fn what_the_provider_computes_comes_back_to_its_picture() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    let expected = machine.classify(&["--device", "cpu"], &[]);
    assert_eq!(expected.stdout.lines().count(), PICTURES + 1);
    for batch in ["1", "4", "64"] {
        let found = machine.classify(
            &["--device", "cuda", "--batch-size", batch],
            &[("STAND_IN_TRACE", "1")],
        );
        assert_same_lines(&found.stdout, &expected.stdout);
        for part in [
            "placement: 2 nodes on CUDAExecutionProvider",
            "CUDAExecutionProvider on cuda:0 from",
            "on 2 threads by ONNX Runtime 1.31.1, CUDAExecutionProvider on cuda:0",
            "stand-in: page-locked",
            &format!("stand-in: product of {batch} columns"),
        ] {
            assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
        }
        assert!(!found.stderr.contains("graph launched"), "{}", found.stderr);
    }
    let auto = machine.classify(&[], &[]);
    assert_same_lines(&auto.stdout, &expected.stdout);
    assert!(auto.stderr.contains("device: cuda:0"), "{}", auto.stderr);
}

/// Processes of a launcher share the machine's devices, and each says which one it has.
#[test]
fn each_process_of_a_launcher_has_its_device() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    let shard = |device: &str, rank: &str, devices: &str| {
        let of_launcher = [
            ("OMPI_COMM_WORLD_RANK", rank),
            ("OMPI_COMM_WORLD_SIZE", "4"),
            ("OMPI_COMM_WORLD_LOCAL_RANK", rank),
            ("STAND_IN_DEVICES", devices),
        ];
        let run = machine.classify(&["--device", device, "--shard", "launcher"], &of_launcher);
        let (_, found) = run.stderr.split_once("CUDAExecutionProvider on ").unwrap();
        found.split_whitespace().next().unwrap().to_owned()
    };
    for (rank, expected) in [("0", "cuda:0"), ("1", "cuda:1"), ("3", "cuda:1")] {
        assert_eq!(shard("auto", rank, "2"), expected);
        assert_eq!(shard("cuda", rank, "2"), expected);
    }
    assert_eq!(shard("cuda:1", "0", "2"), "cuda:1");
    // The launcher shows each process its own device alone.
    assert_eq!(shard("auto", "3", "1"), "cuda:0");
}

#[test]
fn grey_is_grey_on_the_device_too() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    one_product(&machine.pictures, 1);
    let (expected, found) = (
        machine.classify(&["--device", "cpu"], &[]),
        machine.classify(&["--device", "cuda", "--batch-size", "4"], &[]),
    );
    assert_same_lines(&found.stdout, &expected.stdout);
    for run in [expected, found] {
        assert!(run.stderr.contains("pictures are made grey"), "{}", run.stderr);
    }
}

#[test]
fn memory_that_does_not_hold_the_batch_halves_it() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    let expected = machine.classify(&["--device", "cpu"], &[]);
    // An image takes 12 KiB: 85 of them a MiB.
    let limit = ("STAND_IN_MIB", "1");
    let found = machine.classify(&["--device", "cuda", "--batch-size", "256"], &[limit]);
    assert_same_lines(&found.stdout, &expected.stdout);
    for part in [
        "a batch of 256: continuing with 128",
        "a batch of 128: continuing with 64",
    ] {
        assert_eq!(found.stderr.matches(part).count(), 1, "{}", found.stderr);
    }
    assert!(!found.stderr.contains("continuing with 32"), "{}", found.stderr);
}

#[test]
fn a_cuda_graph_is_captured_once_by_each_session_and_replayed() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    let arguments = ["--device", "cuda", "--batch-size", "2", "--cuda-graph"];
    let found = machine.classify(&arguments, &[("STAND_IN_TRACE", "1")]);
    let count = |event: &str| found.stderr.matches(event).count();
    assert_eq!(count("stand-in: graph captured"), 2, "{}", found.stderr);
    // Each warm-up, a test picture alone and beside another, and every batch: no picture is in two, and the last is filled up.
    let batches = (PICTURES + 1).div_ceil(2);
    assert_eq!(
        count("stand-in: graph launched"),
        2 + 2 + batches,
        "{}",
        found.stderr
    );
}

/// ONNX Runtime refuses options that it does not know, and layouts that it was built without.
#[test]
fn the_provider_takes_the_options_for_convolutions() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    let expected = machine.classify(&["--device", "cpu"], &[]);
    for options in [&["--prefer-nhwc", "--fuse-conv-bias"][..], &["--fuse-conv-bias"]] {
        let found = machine.classify(&[&["--device", "cuda"], options].concat(), &[]);
        assert_same_lines(&found.stdout, &expected.stdout);
        assert!(
            found.stderr.contains("CUDAExecutionProvider on cuda:0"),
            "{}",
            found.stderr
        );
    }
}

#[test]
fn a_network_that_fails_on_the_device_does_not_run_elsewhere() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    // The built-in network has convolutions, which the stand-in for cuDNN does not know.
    std::fs::remove_file(machine.pictures.path().join("model.onnx")).unwrap();
    let run = machine.refusal("cuda:0", 1, 0);
    assert!(run.stderr.contains("Conv"), "{}", run.stderr);
}

/// The same pictures with the same classes in the same order, and probabilities that differ by rounding at most.
fn assert_same_lines(found: &str, expected: &str) {
    const SAME: f64 = 1e-5;
    assert_eq!(found.lines().count(), expected.lines().count(), "{found}");
    for (found, expected) in found.lines().zip(expected.lines()) {
        let (found, expected): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(found).unwrap(),
            serde_json::from_str(expected).unwrap(),
        );
        assert_eq!(found["path"], expected["path"]);
        let classes = |line: &serde_json::Value| line["predictions"].as_array().unwrap().clone();
        for (f, e) in classes(&found).iter().zip(&classes(&expected)) {
            assert_eq!(f["label"], e["label"], "{found}, expected {expected}");
            let difference = f["probability"].as_f64().unwrap() - e["probability"].as_f64().unwrap();
            assert!(difference.abs() < SAME, "{found}, expected {expected}");
        }
    }
}
