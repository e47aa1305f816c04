use super::*;
use crate::foreign::test_models::{float, int, ints, node};
use crate::proto::{AttributeProto, StringStringEntryProto};

fn tensor(name: &str, dims: &[i64], element: DataType, raw: Vec<u8>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(element as i32),
        raw_data: Some(raw),
        ..TensorProto::default()
    }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, dims, DataType::Float, raw)
}

fn whole(name: &str, values: &[i64]) -> TensorProto {
    let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, &[values.len() as i64], DataType::Int64, raw)
}

/// What the last of these nodes makes of `a`, `[2, 3]` with 1 to 6, of `b`, `[3]` with 2, 4 and 8, and of some whole numbers.
fn made(nodes: &[NodeProto]) -> Option<(Vec<usize>, Vec<f64>)> {
    let initializers = [
        floats("a", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        floats("b", &[3], &[2.0, 4.0, 8.0]),
        floats("half", &[], &[0.5]),
        whole("0", &[0]),
        whole("1", &[1]),
        whole("2", &[2]),
        whole("-1", &[-1]),
        whole("least", &[i64::MIN]),
        whole("shape", &[3, -1]),
        whole("order", &[2, 0, -1]),
        whole("parts", &[1, 2]),
        tensor("bytes", &[1, 3], DataType::Uint8, vec![128, 0, 255]),
        tensor("middle", &[], DataType::Uint8, vec![128]),
    ];
    let constants = Constants::of(nodes, &initializers, None);
    let found = constants.tensor(nodes.last()?.output.last()?)?;
    Some((found.dims.clone(), found.values.clone()))
}

fn one(op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> Option<(Vec<usize>, Vec<f64>)> {
    made(&[node(op, inputs, &["y"], attributes)])
}

/// Each result was written down by hand.
#[test]
fn nodes_compute_as_onnx_says() {
    for (op, inputs, attributes, dims, values) in [
        ("Neg", &["b"][..], vec![], &[3][..], &[-2.0, -4.0, -8.0][..]),
        ("Reciprocal", &["b"], vec![], &[3], &[0.5, 0.25, 0.125]),
        ("Sub", &["b", "half"], vec![], &[3], &[1.5, 3.5, 7.5]),
        ("Sub", &["half", "b"], vec![], &[3], &[-1.5, -3.5, -7.5]),
        (
            "Mul",
            &["a", "b"],
            vec![],
            &[2, 3],
            &[2.0, 8.0, 24.0, 8.0, 20.0, 48.0],
        ),
        (
            "Div",
            &["a", "b"],
            vec![],
            &[2, 3],
            &[0.5, 0.5, 0.375, 2.0, 1.25, 0.75],
        ),
        ("Pow", &["b", "2"], vec![], &[3], &[4.0, 16.0, 64.0]),
        ("Sum", &["b", "b", "half"], vec![], &[3], &[4.5, 8.5, 16.5]),
        // Whole numbers are divided to whole numbers.
        ("Div", &["order", "2"], vec![], &[3], &[1.0, 0.0, 0.0]),
        ("Cast", &["half"], vec![int("to", 7)], &[], &[0.0]),
        ("CastLike", &["half", "x"], vec![], &[], &[0.5]),
        ("Expand", &["b", "x"], vec![], &[3], &[2.0, 4.0, 8.0]),
        (
            "Reshape",
            &["a", "shape"],
            vec![],
            &[3, 2],
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ),
        ("Unsqueeze", &["b", "parts"], vec![], &[3, 1, 1], &[2.0, 4.0, 8.0]),
        (
            "Unsqueeze",
            &["b"],
            vec![ints("axes", &[0])],
            &[1, 3],
            &[2.0, 4.0, 8.0],
        ),
        ("Squeeze", &["bytes"], vec![], &[3], &[128.0, 0.0, 255.0]),
        (
            "Transpose",
            &["a"],
            vec![],
            &[3, 2],
            &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
        ),
        // As `flip(1)` is written.
        (
            "Slice",
            &["a", "-1", "least", "1", "-1"],
            vec![],
            &[2, 3],
            &[3.0, 2.0, 1.0, 6.0, 5.0, 4.0],
        ),
        ("Slice", &["a", "1", "2", "1"], vec![], &[2, 1], &[2.0, 5.0]),
        (
            "Gather",
            &["a", "order"],
            vec![int("axis", 1)],
            &[2, 3],
            &[3.0, 1.0, 3.0, 6.0, 4.0, 6.0],
        ),
        ("Gather", &["a", "middle"], vec![int("axis", 1)], &[], &[]),
        (
            "Concat",
            &["a", "a"],
            vec![int("axis", -1)],
            &[2, 6],
            &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0],
        ),
        (
            "QuantizeLinear",
            &["b", "half", "middle"],
            vec![],
            &[3],
            &[132.0, 136.0, 144.0],
        ),
        (
            "DequantizeLinear",
            &["bytes", "half", "middle"],
            vec![],
            &[1, 3],
            &[0.0, -64.0, 63.5],
        ),
        (
            "DequantizeLinear",
            &["bytes", "b"],
            vec![int("axis", 1)],
            &[1, 3],
            &[256.0, 0.0, 2040.0],
        ),
    ] {
        let found = one(op, inputs, attributes);
        // A place that the constant does not have.
        let expected = (!values.is_empty()).then(|| (dims.to_vec(), values.to_vec()));
        assert_eq!(found, expected, "{op} {inputs:?}");
    }
    let split = |inputs: &[&str]| made(&[node("Split", inputs, &["first", "last"], vec![int("axis", 1)])]);
    assert_eq!(
        split(&["a", "parts"]),
        Some((vec![2, 2], vec![2.0, 3.0, 5.0, 6.0]))
    );
    let held = [
        ("value_float", float("value_float", 0.5)),
        ("value_int", int("value_int", 3)),
    ];
    for ((_, attribute), expected) in held.into_iter().zip([0.5, 3.0]) {
        let found = made(&[
            node("Constant", &[], &["k"], vec![attribute]),
            node("Add", &["b", "k"], &["y"], vec![]),
        ]);
        assert_eq!(found.unwrap().1[0], 2.0 + expected);
    }
}

#[test]
fn what_does_not_fit_is_no_constant() {
    for (op, inputs, attributes) in [
        ("Add", &["a", "order", "x"][..], vec![]),
        ("Add", &["a", "parts"], vec![]),
        ("Reciprocal", &["x"], vec![]),
        ("Neg", &[], vec![]),
        ("Slice", &["a", "0", "2", "2"], vec![]),
        ("Slice", &["a", "0", "2", "1", "0"], vec![]),
        ("Gather", &["b", "2"], vec![int("axis", 1)]),
        ("Slice", &["a", "1", "1", "1"], vec![]),
        ("Concat", &["a", "b"], vec![int("axis", 0)]),
        ("Transpose", &["a"], vec![ints("perm", &[0, 0])]),
        ("Unsqueeze", &["b"], vec![ints("axes", &[5])]),
        ("DequantizeLinear", &["bytes", "parts"], vec![]),
        ("RandomNormalLike", &["a"], vec![]),
    ] {
        assert_eq!(one(op, inputs, attributes), None, "{op} {inputs:?}");
    }
    let mut of_another = node("Neg", &["b"], &["y"], vec![]);
    of_another.domain = Some("another".to_owned());
    assert_eq!(made(&[of_another]), None);
}

#[test]
fn every_type_of_numbers_is_read() {
    for (element, raw, expected) in [
        (DataType::Bfloat16, vec![0xc0, 0x3f], 1.5),
        (DataType::Float16, vec![0x00, 0x3e], 1.5),
        (DataType::Double, 1.5f64.to_le_bytes().to_vec(), 1.5),
        (DataType::Uint8, vec![200], 200.0),
        (DataType::Int8, vec![200], -56.0),
        (DataType::Uint16, vec![0, 255], 65280.0),
        (DataType::Int16, vec![0, 255], -256.0),
        (DataType::Uint32, vec![0, 0, 0, 255], 4_278_190_080.0),
        (DataType::Int32, vec![0, 0, 0, 255], -16_777_216.0),
        (DataType::Bool, vec![1], 1.0),
    ] {
        let initializers = [tensor("c", &[1], element, raw)];
        let constants = Constants::of([], &initializers, None);
        assert_eq!(constants.number("c"), Some(expected), "{element:?}");
    }
    let initializers = [
        tensor("text", &[1], DataType::String, vec![0]),
        tensor("short", &[2], DataType::Uint8, vec![0]),
        tensor("deep", &[1; 9], DataType::Uint8, vec![0]),
        tensor("negative", &[-1, -1], DataType::Uint8, vec![0]),
        tensor("endless", &[i64::MAX, i64::MAX], DataType::Uint8, vec![0]),
        tensor("empty", &[0, i64::MAX, i64::MAX], DataType::Uint8, vec![]),
    ];
    let constants = Constants::of([], &initializers, None);
    for name in ["text", "short", "deep", "negative", "endless", "empty"] {
        assert_eq!(constants.values(name), None, "{name}");
    }
}

/// Constants of few bytes stand for any number of values and nodes.
#[test]
fn what_is_computed_is_bounded() {
    // Each is twice as long as the one before it.
    let mut nodes = vec![node("Concat", &["b", "b"], &["0"], vec![int("axis", 0)])];
    for i in 1..60 {
        let (from, to) = ((i - 1).to_string(), i.to_string());
        nodes.push(node("Concat", &[&from, &from], &[&to], vec![int("axis", 0)]));
    }
    let initializers = [
        floats("b", &[1], &[2.0]),
        floats("row", &[1, 4096], &[1.0; 4096]),
        floats("column", &[4096, 1], &[1.0; 4096]),
    ];
    let constants = Constants::of(&nodes, &initializers, None);
    assert_eq!(constants.values("9").unwrap().len(), 1024);
    assert_eq!(constants.values("59"), None);
    // 16 million values of two constants of 4096.
    let outer = [node("Add", &["row", "column"], &["y"], vec![])];
    assert_eq!(Constants::of(&outer, &initializers, None).values("y"), None);
    let circle = [
        node("Add", &["y", "z"], &["y"], vec![]),
        node("Neg", &["y"], &["z"], vec![]),
    ];
    assert_eq!(Constants::of(&circle, &initializers, None).values("z"), None);
    let constants = Constants::of(&circle, &initializers, None);
    assert!(!constants.is_constant("z"));
    assert!(constants.is_constant("b"));
}

#[test]
fn data_beside_the_model_is_read_where_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("models");
    std::fs::create_dir(&inside).unwrap();
    let bytes: Vec<u8> = [9.0f32, 0.5, 0.25]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    for file in ["models/m.data", "outside.data"] {
        std::fs::write(folder.path().join(file), &bytes).unwrap();
    }
    let file = inside.join("m.onnx");
    std::fs::write(&file, b"").unwrap();
    let read = |location: &str, offset: &str, file: Option<&Path>| {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        let initializers = [TensorProto {
            raw_data: None,
            external_data: vec![
                entry("location", location),
                entry("offset", offset),
                entry("length", "8"),
            ],
            ..floats("c", &[2], &[])
        }];
        Constants::of([], &initializers, file).values("c")
    };
    assert_eq!(read("m.data", "4", Some(&file)), Some(vec![0.5, 0.25]));
    assert_eq!(read("m.data", "4", None), None);
    assert_eq!(read("m.data", "8", Some(&file)), None);
    assert_eq!(read("../outside.data", "4", Some(&file)), None);
    assert_eq!(read("missing.data", "4", Some(&file)), None);
}
