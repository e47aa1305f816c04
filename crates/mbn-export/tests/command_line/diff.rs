//! `diff`: in what two files part.

use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataLocation, DataType, ModelProto, StringStringEntryProto, TensorProto};
use mbn_onnx::{Dim, Model, Precision, TensorType};
use mbn_spec::Interpolation;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{change, export, folder_with_model, library, of_another, save, sigmoid, write};

#[test]
fn the_first_value_that_differs_is_named() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&[]);
    let diff =
        |other: &str, code: i32| export(folder.path(), &["diff", "model.onnx", other, &library]).code(code);
    for (name, args) in [
        ("unfolded.onnx", &["--no-fold"][..]),
        ("half.onnx", &["--precision=fp16", "--allow-overflow"]),
        ("bytes.onnx", &["--input=uint8", "--softmax"]),
        ("batch.onnx", &["--batch=3", "--opset=22"]),
        ("resized.onnx", &["--input=uint8", "--resize-inside"]),
    ] {
        write(&folder, name, args);
        diff(name, 0).stdout(contains(" agree; largest relative difference"));
    }
    diff("model.onnx", 0).stdout(contains("the graphs have the same structure"));
    diff("unfolded.onnx", 0).stdout(contains(
        "only the second file has these nodes: `blocks.1.depthwise.conv`",
    ));

    std::fs::copy(
        folder.path().join("model.onnx"),
        folder.path().join("changed.onnx"),
    )
    .unwrap();
    change(&folder, "changed.onnx", |proto| {
        let tensors = &mut proto.graph.as_mut().unwrap().initializer;
        let weight = tensors
            .iter_mut()
            .find(|tensor| tensor.name() == "model.3.0.weight")
            .unwrap();
        weight.raw_data.as_mut().unwrap()[..4].copy_from_slice(&3.0f32.to_le_bytes());
    });
    diff("changed.onnx", 1).stdout(
        contains("they part at `blocks.3.depthwise`, the result of node `blocks.3.depthwise` (Conv)").and(
            contains("these constants differ in their values: `model.3.0.weight`"),
        ),
    );
    save(&folder, "other.onnx", sigmoid());
    diff("other.onnx", 1).stderr(contains("the files take different inputs"));
}

/// Other exporters name their outputs otherwise: values inside that agree show nothing of what comes out.
#[test]
fn outputs_of_other_names_are_compared() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&[]);
    for (name, bias) in [("renamed.onnx", None), ("wrong.onnx", Some(9.0f32))] {
        std::fs::copy(folder.path().join("model.onnx"), folder.path().join(name)).unwrap();
        change(&folder, name, |proto| {
            let graph = proto.graph.as_mut().unwrap();
            graph.output[0].name = Some("output".to_owned());
            for output in graph.node.iter_mut().flat_map(|node| &mut node.output) {
                if output == "logits" {
                    *output = "output".to_owned();
                }
            }
            let mut tensors = graph.initializer.iter_mut();
            let fc = tensors.find(|tensor| tensor.name() == "fc.bias").unwrap();
            if let Some(bias) = bias {
                fc.raw_data.as_mut().unwrap()[..4].copy_from_slice(&bias.to_le_bytes());
            }
        });
        let found = export(folder.path(), &["diff", "model.onnx", name, &library]);
        let compared = contains("`logits` of the first file is compared with `output` of the second");
        match bias {
            None => found.code(0).stdout(compared),
            Some(_) => found
                .code(1)
                .stdout(compared.and(contains("they part at `logits`"))),
        };
    }
}

/// What a model says of itself, changed.
fn set(proto: &mut ModelProto, key: &str, value: &str) {
    proto.metadata_props.retain(|entry| entry.key() != key);
    proto.metadata_props.push(StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value.into()),
    });
}

#[test]
fn files_of_the_same_numbers_part_where_these_mean_something_else() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&[]);
    let diff = |code: i32| {
        export(folder.path(), &["diff", "model.onnx", "other.onnx", &library])
            .code(code)
            .stdout(contains(" agree; largest relative difference 0.0e0"))
    };
    let other = |key: &str, value: &str| {
        let [from, to] = ["model.onnx", "other.onnx"].map(|name| folder.path().join(name));
        std::fs::copy(from, to).unwrap();
        change(&folder, "other.onnx", |proto| set(proto, key, value));
    };
    other("classes", r#"["class_0","class_2","class_1"]"#);
    diff(1).stdout(
        contains(
            "the metadata differs: `classes` is another list: number 1 is `class_1` in the first file, `class_2` in the \
             second, and 1 more",
        )
        .and(contains("they part in what they say of themselves")),
    );
    other("classes", r#"[ "class_0", "class_1", "class_2" ]"#);
    diff(0);
    // What is usual need not be written.
    let model = Model::load(&folder.path().join("model.onnx")).unwrap();
    let mut fields: Value = serde_json::from_str(model.property("preprocess").unwrap()).unwrap();
    assert!(fields.get("interpolation").is_none(), "{fields}");
    fields["interpolation"] = serde_json::to_value(Interpolation::default()).unwrap();
    other("preprocess", &fields.to_string());
    diff(0);
    fields["interpolation"] = "bicubic".into();
    other("preprocess", &fields.to_string());
    diff(1);
    // How the weights came about is said, and changes nothing.
    other("training", r#"{"data_set":"photos"}"#);
    diff(0).stdout(contains(
        r#"the metadata differs: `training` is {"data_set":"photos"} in the second file alone"#,
    ));
    let mut names = sigmoid();
    set(&mut names, "names", "{0: 'a'}");
    save(&folder, "model.onnx", names);
    save(&folder, "other.onnx", sigmoid());
    diff(1).stdout(contains("`names` is {0: 'a'} in the first file alone"));
}

/// Values are compared where both can get the same input, and the fields that differ are named.
#[test]
fn files_of_other_preprocessing_are_compared() {
    let Some(library) = library() else { return };
    let folder = folder_with_model(&[]);
    let diff = |a: &str, b: &str| export(folder.path(), &["diff", a, b, &library]).code(1);
    write(&folder, "mean.onnx", &["--mean=0.1,0.5,0.5"]);
    write(&folder, "bytes.onnx", &["--input=uint8", "--mean=0.1,0.5,0.5"]);
    let differs = "the metadata differs: `preprocess` is another: mean 0.485, 0.456, 0.406 in the first file, 0.1, 0.5, 0.5 in the \
                   second\n";
    for other in ["mean.onnx", "bytes.onnx"] {
        diff("model.onnx", other).stdout(
            contains(" agree; largest relative difference")
                .and(contains(differs))
                .and(contains("they part in what they say of themselves")),
        );
    }
    for (name, args) in [
        ("larger.onnx", &[][..]),
        ("any.onnx", &["--dynamic-size"]),
        ("resized.onnx", &["--input=uint8", "--resize-inside"]),
    ] {
        let line = ["--weights=w.safetensors", "--size=96", "--no-verify", name];
        export(folder.path(), &[&line[..], args].concat()).success();
    }
    for (a, b) in [("model.onnx", "larger.onnx"), ("resized.onnx", "model.onnx")] {
        diff(a, b).stdout("").stderr(
            contains("the files take pictures of ")
                .and(contains("64 x 64"))
                .and(contains("96 x 96")),
        );
    }
    for (a, b) in [("any.onnx", "model.onnx"), ("model.onnx", "any.onnx")] {
        diff(a, b).stdout(
            contains(" agree; largest relative difference").and(contains("`preprocess` is another: size ")),
        );
    }
}

#[test]
fn an_infinity_in_one_file_parts_it_from_another() {
    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    let adds = |addend: f32| {
        let mut proto = sigmoid();
        let graph = proto.graph.as_mut().unwrap();
        graph.node[0].op_type = Some("Add".into());
        graph.node[0].input.push("c".into());
        let mut constants = GraphBuilder::new("constants");
        constants.initializer("c", &[3], &[addend, 0.0, 0.0], Precision::Fp32);
        graph.initializer = constants.finish().initializer;
        proto
    };
    save(&folder, "a.onnx", adds(f32::INFINITY));
    save(&folder, "b.onnx", adds(0.0));
    for [a, b] in [["a.onnx", "b.onnx"], ["b.onnx", "a.onnx"]] {
        export(folder.path(), &["diff", a, b, &library])
            .code(1)
            .stdout(contains("they part at `y`").and(contains("an element is not finite")));
    }
    export(folder.path(), &["diff", "a.onnx", "a.onnx", &library]).success();
}

/// A constant of one byte.
fn byte(name: &str, element: DataType, value: u8) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        data_type: Some(element as i32),
        raw_data: Some(vec![value]),
        ..TensorProto::default()
    }
}

/// A product by `factor`, as another program may write it: in float32, in float16, or on bytes in steps of 0.02.
fn times(factor: f32, precision: &str) -> ModelProto {
    let mut graph = GraphBuilder::new("other");
    let ty = TensorType::new(DataType::Float, [Dim::Symbol("n".into()), 3.into()]);
    graph.input("x", &ty);
    graph.output("y", &ty);
    let to = |element: DataType| [("to", Attribute::Int(element as i64))];
    match precision {
        "half" => {
            graph.initializer("factor", &[], &[factor], Precision::Fp16);
            graph.node("Cast", "cast", ["x"], "half", to(DataType::Float16));
            graph.node("Mul", "mul", ["half", "factor"], "product", []);
            graph.node("Cast", "back", ["product"], "y", to(DataType::Float));
        }
        "bytes" => {
            graph.initializer("factor", &[], &[factor], Precision::Fp32);
            graph.initializer("step", &[], &[0.02], Precision::Fp32);
            graph.constant(byte("zero", DataType::Int8, 0));
            graph.node("QuantizeLinear", "q", ["x", "step", "zero"], "quantized", []);
            graph.node(
                "DequantizeLinear",
                "d",
                ["quantized", "step", "zero"],
                "rounded",
                [],
            );
            graph.node("Mul", "mul", ["rounded", "factor"], "y", []);
        }
        _ => {
            graph.initializer("factor", &[], &[factor], Precision::Fp32);
            graph.node("Mul", "mul", ["x", "factor"], "y", []);
        }
    }
    of_another(graph)
}

#[test]
fn files_of_other_programs_have_the_tolerance_of_their_precision() {
    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    let diff = |a: ModelProto, b: ModelProto, code: i32| {
        save(&folder, "a.onnx", a);
        save(&folder, "b.onnx", b);
        export(folder.path(), &["diff", "a.onnx", "b.onnx", &library]).code(code);
    };
    // Elements are up to 2 times the factor.
    for (a, b, factor, code) in [
        ("float", "float", 1.01, 1),
        ("float", "half", 1.01, 0),
        ("half", "float", 1.01, 0),
        ("float", "half", 1.2, 1),
        ("half", "half", 1.01, 1),
        ("float", "bytes", 1.2, 0),
        ("float", "bytes", 1.8, 1),
        ("bytes", "bytes", 1.02, 0),
        ("bytes", "bytes", 1.2, 1),
    ] {
        diff(times(1.0, a), times(factor, b), code);
    }
}

/// The name of a size that is open says nothing of what the file computes.
#[test]
fn inputs_are_the_same_whatever_their_open_sizes_are_called() {
    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    let of = |dims: [Dim; 2]| {
        let mut proto = times(2.0, "float");
        let ty = TensorType::new(DataType::Float, dims);
        let mut typed = GraphBuilder::new("typed");
        typed.input("x", &ty);
        typed.output("y", &ty);
        let (graph, typed) = (proto.graph.as_mut().unwrap(), typed.finish());
        (graph.input, graph.output) = (typed.input, typed.output);
        proto
    };
    save(&folder, "a.onnx", of([Dim::Symbol("n".into()), 3.into()]));
    let diff = |a: &str, b: &str| export(folder.path(), &["diff", a, b, &library]);
    for dims in [
        [Dim::Symbol("batch".into()), 3.into()],
        [1.into(), 3.into()],
        [5.into(), 3.into()],
        [Dim::Unknown, 3.into()],
        [Dim::Symbol("n".into()), Dim::Symbol("m".into())],
    ] {
        save(&folder, "b.onnx", of(dims));
        for (a, b) in [("a.onnx", "b.onnx"), ("b.onnx", "a.onnx")] {
            diff(a, b).success().stdout(
                contains("all of 1 shared value agree").and(contains("the inputs differ: x float32 [")),
            );
        }
    }
    save(&folder, "b.onnx", of([Dim::Symbol("n".into()), 4.into()]));
    diff("a.onnx", "b.onnx").code(1).stdout("").stderr(contains(
        "not both were written by `mbn-export`: `x` float32 [n, 3] in `a.onnx`, `x` float32 [n, 4] in `b.onnx`",
    ));
}

#[test]
fn constants_in_other_files_are_compared() {
    let Some(library) = library() else { return };
    let folder = TempDir::new().unwrap();
    let outside = |factor: f32, file: &str| {
        let mut proto = times(factor, "float");
        let constant = &mut proto.graph.as_mut().unwrap().initializer[0];
        let bytes = constant.raw_data.take().unwrap();
        std::fs::write(folder.path().join(file), [&[9; 8][..], &bytes].concat()).unwrap();
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: Some(key.into()),
            value: Some(value.into()),
        };
        constant.data_location = Some(DataLocation::External as i32);
        constant.external_data = vec![
            entry("location", file),
            entry("offset", "8"),
            entry("length", "4"),
        ];
        proto
    };
    save(&folder, "inside.onnx", times(3.0, "float"));
    save(&folder, "same.onnx", outside(3.0, "same.onnx.data"));
    save(&folder, "other.onnx", outside(2.0, "other.onnx.data"));
    export(folder.path(), &["diff", "inside.onnx", "same.onnx", &library])
        .success()
        .stdout(contains("the graphs have the same structure"));
    export(folder.path(), &["diff", "same.onnx", "other.onnx", &library])
        .code(1)
        .stdout(contains("they part at `y`").and(contains("`factor`")));
}
