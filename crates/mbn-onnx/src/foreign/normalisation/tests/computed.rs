//! Constants that are computed, of the picture's shape, in other files or in functions, and steps that leave the channels what they are.

use prost::Message;

use super::*;
use crate::foreign::functions::FunctionProto;
use crate::proto::{NodeProto, StringStringEntryProto};

/// What is found if a mean is taken off that this node makes of `mean`, with `k`, and the standard deviation follows.
fn less(mean: [f32; 3], op: &str, others: &[&str], k: f32) -> Option<ChannelRange> {
    let mut first = First::new(false);
    first.constant("mean", &[1, 3, 1, 1], &mean);
    first.constant("k", &[], &[k]);
    for (name, value) in [("from", -1), ("to", i64::MIN), ("axis", 1), ("step", -1)] {
        first.ints(name, &[value]);
    }
    first.graph.node("Shape", "shape", ["x0"], "shape", []);
    let inputs = std::iter::once("mean").chain(others.iter().copied());
    first.graph.node(op, "made", inputs, "made", []);
    first.node("Sub", &["made"], &[]).by("Div", &STD).range()
}

#[test]
fn a_mean_that_nodes_make_is_followed() {
    let negative = MEAN.map(|mean| -mean);
    for (mean, op, others, k) in [
        (negative, "Neg", &[][..], 1.0),
        (MEAN.map(|mean| mean / 3.0), "Mul", &["k"], 3.0),
        (of_bytes(MEAN), "Div", &["k"], 255.0),
        (MEAN.map(|mean| mean + 2.0), "Add", &["k"], -2.0),
        (MEAN.map(|mean| mean * mean), "Sqrt", &[], 1.0),
        (MEAN.map(|mean| 1.0 / mean), "Reciprocal", &[], 1.0),
        (MEAN.map(f32::sqrt), "Pow", &["k"], 2.0),
        (reversed(MEAN), "Slice", &["from", "to", "axis", "step"], 1.0),
        (MEAN, "Expand", &["shape"], 1.0),
        (MEAN, "CastLike", &["x0"], 1.0),
    ] {
        assert_eq!(less(mean, op, others, k), Some(Unit), "{op}");
    }
    // A mean that no pictures have.
    assert_eq!(less(negative, "Mul", &["k"], 3.0), None);
    assert_eq!(less(MEAN, "RandomNormalLike", &[], 1.0), None);
}

/// `x * (1 / std) - mean / std`, as PyTorch's exporter leaves it.
#[test]
fn the_reciprocal_of_a_standard_deviation_is_followed() {
    let factor = |std: [f32; 3], offset: [f32; 3]| {
        let mut first = First::new(false);
        first.constant("std", &[1, 3, 1, 1], &std);
        first.graph.node("Reciprocal", "factor", ["std"], "factor", []);
        first.node("Mul", &["factor"], &[]).by("Add", &offset).range()
    };
    let offset = [0, 1, 2].map(|c| -MEAN[c] / STD[c]);
    assert_eq!(factor(STD, offset), Some(Unit));
    assert_eq!(factor(of_bytes(STD), offset), Some(Bytes));
}

/// A constant of the picture's shape: each channel of it, row-major, is `mean` and what `noise` adds to it.
fn image(is_last: bool, mean: [f32; 3], noise: impl Fn(usize) -> f32) -> (Vec<usize>, Vec<f32>) {
    let (pixels, channels) = (0..64, 0..3);
    match is_last {
        true => {
            let values = pixels.flat_map(|i| [0, 1, 2].map(|c| mean[c] + noise(3 * i + c)));
            (vec![8, 8, 3], values.collect())
        }
        false => {
            let values = channels.flat_map(|c| (0..64).map(move |i| (c, i)));
            let values = values.map(|(c, i)| mean[c] + noise(64 * c + i));
            (vec![1, 3, 8, 8], values.collect())
        }
    }
}

#[test]
fn a_mean_image_is_seen_by_its_channels() {
    let wave = |i: usize| 20.0 * (i as f32 * 0.7).sin();
    for is_last in [false, true] {
        for (mean, is_blue_first) in [(CAFFE, true), (reversed(CAFFE), false)] {
            for noise in [&(|_| 0.0f32) as &dyn Fn(usize) -> f32, &wave] {
                let (dims, values) = image(is_last, mean, noise);
                let mut first = First::new(is_last);
                first.constant("image", &dims, &values);
                let found = first.node("Sub", &["image"], &[]).found();
                assert_eq!(
                    found,
                    Some(Normalisation {
                        range: Bytes,
                        is_blue_first
                    }),
                    "{is_last} {mean:?}"
                );
            }
        }
    }
    // As the exporter folds `mean.expand_as(x)`.
    let expanded = |mean: [f32; 3]| {
        let (dims, values) = image(false, mean, |_| 0.0);
        let mut first = First::new(false);
        first.constant("image", &dims, &values);
        first.node("Sub", &["image"], &[]).by("Div", &STD).range()
    };
    assert_eq!(expanded(MEAN), Some(Unit));
    assert_eq!(expanded([2.0; 3]), None);
    // Of rows.
    let mut rows = First::new(false);
    rows.constant(
        "rows",
        &[8, 1],
        &[90.0, 100.0, 110.0, 120.0, 120.0, 130.0, 140.0, 150.0],
    );
    assert_eq!(rows.node("Sub", &["rows"], &[]).range(), Some(Bytes));
    let mut other = First::new(false);
    other.constant("other", &[1, 2, 8, 8], &[120.0; 128]);
    assert_eq!(other.node("Sub", &["other"], &[]).range(), None);
}

#[test]
fn steps_that_leave_pixels_what_they_are_are_passed() {
    let after = |op: &str, others: &[&str], bound: f32| {
        let mut first = First::new(false);
        first.constant("bound", &[], &[bound]);
        first.node(op, others, &[]).by("Div", &[255.0]).range()
    };
    for (op, others, bound) in [
        ("Round", &[][..], 0.0),
        ("Floor", &[], 0.0),
        ("Max", &["bound"], 0.0),
        ("Min", &["bound"], 255.0),
        ("Clip", &["bound"], 0.0),
        ("Clip", &["", "bound"], 255.0),
        ("Clip", &["bound"], f32::MIN),
    ] {
        assert_eq!(after(op, others, bound), Some(Bytes), "{op} {others:?} {bound}");
    }
    for (op, others, bound) in [
        ("Max", &["bound"][..], 3.0),
        ("Min", &["bound"], 6.0),
        ("Clip", &["", "bound"], 6.0),
    ] {
        assert_eq!(after(op, others, bound), None, "{op} {others:?} {bound}");
    }
    // One bound shows no range but that of bytes.
    for (op, bound, expected) in [
        ("Max", 0.0, None),
        ("Min", 1.0, None),
        ("Min", 255.0, Some(Bytes)),
    ] {
        assert_eq!(
            of(&[(op, &[bound])]).map(|found| found.range),
            expected,
            "{op} {bound}"
        );
    }
    assert_eq!(
        of(&[("Sum", &[-127.5]), ("Mul", &[1.0 / 127.5])]).unwrap().range,
        Bytes
    );
    // A negative picture, turned back.
    let mut negative = First::new(false);
    negative.constant("mean", &[1, 3, 1, 1], &of_bytes(MEAN));
    negative.graph.node("Sub", "x1", ["mean", "x0"], "x1", []);
    negative.count = 1;
    assert_eq!(negative.node("Neg", &[], &[]).range(), Some(Bytes));
}

#[test]
fn arithmetic_that_is_not_followed_is_named() {
    let stop = |nodes: &[(&str, &[f32])]| {
        let mut first = First::new(false);
        for (op, values) in nodes {
            match values {
                [] => first.node(op, &[], &[]),
                values => first.by(op, values),
            };
        }
        first.unread()
    };
    let at = |op: &str, output: &str| Some((op.to_owned(), output.to_owned()));
    assert_eq!(stop(&[("Pow", &[2.2])]), at("Pow", "x1"));
    assert_eq!(
        stop(&[("Div", &[1.5]), ("Log", &[]), ("Exp", &[])]),
        at("Log", "x2")
    );
    assert_eq!(stop(&[("Max", &[3.0])]), at("Max", "x1"));
    for nodes in [&[][..], &[("Div", &[255.0][..])], &[("Relu", &[])]] {
        assert_eq!(stop(nodes), None, "{nodes:?}");
    }
    // A mean that cannot be read is a constant all the same; that of the picture is none.
    let mean_of = |input: &str| {
        let mut first = First::new(false);
        first.constant("mean", &[3, 1, 1], &MEAN);
        first.graph.node("Erf", "made", [input], "made", []);
        first.node("Sub", &["made"], &[]);
        first.unread()
    };
    assert_eq!(mean_of("mean"), at("Sub", "x1"));
    assert_eq!(mean_of("x0"), None);
}

/// A function `own.Norm` of a picture, a mean and a standard deviation.
fn norm() -> FunctionProto {
    let node = |op: &str, inputs: [&str; 2], output: &str| NodeProto {
        op_type: Some(op.to_owned()),
        input: inputs.map(str::to_owned).to_vec(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    };
    FunctionProto {
        name: Some("Norm".to_owned()),
        domain: Some("own".to_owned()),
        input: ["a", "m", "s"].map(str::to_owned).to_vec(),
        output: vec!["b".to_owned()],
        node: vec![node("Sub", ["a", "m"], "t"), node("Div", ["t", "s"], "b")],
        ..FunctionProto::default()
    }
}

#[test]
fn normalisation_in_a_function_is_followed() {
    let called = |mean: [f32; 3], std: [f32; 3]| {
        let mut first = First::new(false);
        first.constant("m", &[1, 3, 1, 1], &mean);
        first.constant("s", &[1, 3, 1, 1], &std);
        first.node("Norm", &["m", "s"], &[]);
        first.constant("w", &[8, 3, 3, 3], &[0.5; 216]);
        first.node("Conv", &["w"], &[]);
        let mut graph = first.graph.finish();
        graph.node[0].domain = Some("own".to_owned());
        Normalisation::of_model(&Model::from(ModelProto {
            graph: Some(graph),
            functions: vec![norm().encode_to_vec()],
            ..ModelProto::default()
        }))
        .ok()
    };
    let is_blue_first = false;
    assert_eq!(
        called(MEAN, STD),
        Some(Normalisation {
            range: Unit,
            is_blue_first
        })
    );
    let range = Bytes;
    assert_eq!(
        called(of_bytes(MEAN), of_bytes(STD)),
        Some(Normalisation { range, is_blue_first })
    );
    assert!(called(CAFFE, [1.0; 3]).unwrap().is_blue_first);
}

/// As exporters write models of any size if they are told to.
#[test]
fn constants_in_a_file_beside_the_model_are_read() {
    let mut first = First::new(false);
    first.by("Sub", &of_bytes(MEAN)).by("Div", &of_bytes(STD));
    first.constant("w", &[8, 3, 3, 3], &[0.5; 216]);
    first.node("Conv", &["w"], &[]);
    let mut graph = first.graph.finish();
    let mut data = Vec::new();
    for tensor in &mut graph.initializer {
        let bytes = tensor.element_bytes().unwrap().into_owned();
        let entry = |key: &str, value: String| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value),
        };
        tensor.external_data = vec![
            entry("location", "model.data".to_owned()),
            entry("offset", data.len().to_string()),
            entry("length", bytes.len().to_string()),
        ];
        tensor.raw_data = None;
        tensor.float_data.clear();
        data.extend(bytes);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = Model::from(ModelProto {
        graph: Some(graph),
        ..ModelProto::default()
    });
    std::fs::write(&path, model.to_bytes()).unwrap();
    std::fs::write(folder.path().join("model.data"), data).unwrap();
    let loaded = Model::load(&path).unwrap();
    assert_eq!(loaded, model);
    assert_eq!(
        Normalisation::of_model(&loaded).map(|found| found.range),
        Ok(Bytes)
    );
    let unread = Normalisation::of_model(&model).unwrap_err().unwrap();
    assert!(
        matches!(&unread, Unread::Operator { operator, .. } if operator == "Sub"),
        "{unread:?}"
    );
}

/// Networks of dark digits on light paper take the negative.
#[test]
fn a_negative_has_the_range_of_its_picture() {
    let (mean, std) = (of_bytes(MEAN).map(|mean| 255.0 - mean), of_bytes(STD));
    for (nodes, expected) in [
        (
            &[("Neg", &[][..]), ("Add", &[255.0]), ("Div", &[255.0])][..],
            Some(Bytes),
        ),
        (&[("Mul", &[-2.0 / 255.0]), ("Add", &[1.0])], Some(Bytes)),
        (&[("Sub", &mean), ("Div", &std), ("Neg", &[])], Some(Bytes)),
        (&[("Neg", &[]), ("Add", &[255.0])], Some(Bytes)),
        (&[("Neg", &[]), ("Add", &[1.0])], Some(Unit)),
        (&[("Mul", &[-2.0]), ("Add", &[1.0])], Some(Unit)),
        (&[("Neg", &[]), ("Add", &[7.0])], None),
        (&[("Neg", &[])], None),
    ] {
        assert_eq!(of(nodes).map(|found| found.range), expected, "{nodes:?}");
    }
}
