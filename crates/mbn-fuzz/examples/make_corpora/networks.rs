//! Weight files and ONNX files without their values, which are zero.

use std::fs;

use anyhow::Result;
use mbn_onnx::proto::{GraphProto, ModelProto, NodeProto, StringStringEntryProto, ValueInfoProto};
use mbn_onnx::{ANTIALIASED_RESIZE, ExportOptions, InputKind, InputSize, Model, Precision, export};
use mbn_spec::{Activation, Alpha, Architecture, Metadata, Preprocess, TensorSpec, Training, Variant};
use mbn_weights::Weights;
use prost::Message;

use crate::File;

/// Weights whose values are all zero, with all metadata.
fn zeros(variant: Variant, classes: usize) -> Result<Weights> {
    let architecture = Architecture {
        alpha: Alpha::Quarter,
        classes,
        variant,
    };
    let metadata = Metadata {
        classes: Some((0..classes).map(|class| format!("name {class}")).collect()),
        preprocess: Some(Preprocess::default()),
        training: Some(Training::default()),
        ..Metadata::default()
    };
    let values = |spec: &TensorSpec| vec![0.0; spec.shape.iter().product()];
    Ok(Weights::from_fns(architecture, metadata, values, |_| 0)?)
}

/// Headers of weight files, without the values.
pub fn weight_files() -> Result<Vec<File>> {
    let ours = header(&zeros(Variant::default(), 2)?.to_bytes()?);
    let text = String::from_utf8_lossy(&ours[8..]);
    // Only our files have metadata, which come first.
    let tensors = text.split_once("},").map_or("", |(_, tensors)| tensors);
    let with_prefix = tensors
        .replace("\"model.", "\"module.model.")
        .replace("\"fc.", "\"module.fc.");
    let keras = mbn_testing::reference_path("keras/weights.safetensors");
    let mut files = vec![
        ("ours".to_owned(), ours.clone()),
        ("keras".to_owned(), header(&fs::read(keras)?)),
        ("prefix".to_owned(), with_length(&format!("{{{with_prefix}"))),
        ("empty".to_owned(), with_length("{}")),
        (
            "one-tensor".to_owned(),
            with_length(r#"{"fc.bias":{"dtype":"F16","shape":[3],"data_offsets":[0,6]}}"#),
        ),
        (
            "state".to_owned(),
            with_length(
                r#"{"__metadata__":{"progress":"{}"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#,
            ),
        ),
    ];
    // PyTorch's checkpoints.
    for name in ["no_checksums", "protocol_4", "training", "whole_model"] {
        let path = mbn_testing::reference_path("checkpoint").join(format!("{name}.pth"));
        files.push((format!("{name}.pth"), fs::read(path)?));
    }
    Ok(files)
}

fn header(file: &[u8]) -> Vec<u8> {
    let length = file
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes) as usize);
    file[..file.len().min(8 + length)].to_vec()
}

fn with_length(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()
}

/// Models without the values of their larger constants.
pub fn models() -> Result<Vec<File>> {
    let relu = Variant {
        activation: Activation::Relu,
        ..Variant::default()
    };
    let mut files = Vec::new();
    for (name, variant, options) in [
        ("folded", Variant::default(), ExportOptions::default()),
        (
            "unfolded-bytes",
            relu,
            ExportOptions {
                fold: false,
                input: InputKind::Uint8,
                softmax: true,
                ..ExportOptions::default()
            },
        ),
        (
            "resized",
            relu,
            ExportOptions {
                opset: ANTIALIASED_RESIZE,
                input: InputKind::Uint8,
                size: InputSize::Resized,
                features: true,
                batch: Some(2),
                ..ExportOptions::default()
            },
        ),
        (
            "float16",
            Variant::default(),
            ExportOptions {
                precision: Precision::Fp16,
                ..ExportOptions::default()
            },
        ),
    ] {
        let mut proto = export(&zeros(variant, 2)?, &options)?.proto().clone();
        for tensor in proto.graph.iter_mut().flat_map(|graph| &mut graph.initializer) {
            if tensor.raw_data().len() > 16 {
                tensor.raw_data = None;
            }
        }
        files.push((format!("{name}.onnx"), Model::from(proto).to_bytes()));
    }
    files.push((
        "ultralytics.onnx".to_owned(),
        Model::from(of_another_tool()).to_bytes(),
    ));
    Ok(files)
}

/// A classifier as other tools write it: Ultralytics' metadata, and softmax in a function of the model's own.
fn of_another_tool() -> ModelProto {
    let node = |op: &str, inputs: &str, output: &str, domain: Option<&str>| NodeProto {
        op_type: Some(op.to_owned()),
        input: inputs.split(' ').map(str::to_owned).collect(),
        output: vec![output.to_owned()],
        domain: domain.map(str::to_owned),
        ..NodeProto::default()
    };
    let value = |name: &str| ValueInfoProto {
        name: Some(name.to_owned()),
        ..ValueInfoProto::default()
    };
    let graph = GraphProto {
        node: vec![
            node("Cast", "images", "floats", None),
            node("Conv", "floats kernel", "features", None),
            node("GlobalAveragePool", "features", "pooled", None),
            node("Flatten", "pooled", "flat", None),
            node("Gemm", "flat matrix", "logits", None),
            node("Head", "logits", "output0", Some("local")),
        ],
        input: vec![value("images")],
        output: vec![value("output0")],
        ..GraphProto::default()
    };
    let pair = |(key, text): (&str, &str)| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(text.to_owned()),
    };
    let pairs = [
        ("task", "classify"),
        ("stride", "1"),
        ("imgsz", "[64, 64]"),
        ("names", "{0: 'a', 1: \"b's\"}"),
    ];
    // Name, input, output, node and domain of a function.
    let field = |tag: u8, bytes: &[u8]| [&[tag << 3 | 2, bytes.len() as u8], bytes].concat();
    let function = [
        field(1, b"Head"),
        field(4, b"x"),
        field(5, b"y"),
        field(7, &node("Softmax", "x", "y", None).encode_to_vec()),
        field(10, b"local"),
    ];
    ModelProto {
        graph: Some(graph),
        metadata_props: pairs.map(pair).into(),
        functions: vec![function.concat()],
        ..ModelProto::default()
    }
}
