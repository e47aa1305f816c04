//! Models of which a picture gets other classes by chance, or beside other pictures.

use mbn_onnx::builder::Attribute;
use mbn_onnx::proto::{DataType, TensorProto};

use super::model::{Build, IDENTITY, first, integers};
use super::{COLOUR, picture, predictions, run};
use crate::common::folder;

/// Logits `scores` that `add` makes of `product`, the means of the channels.
fn model(add: impl FnOnce(&mut Build)) -> Build {
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &IDENTITY, "product");
    add(&mut build);
    build.output("scores", 3);
    build
}

/// Values that are set to 0 at random.
fn dropping(build: &mut Build, trains: u8) {
    build.graph.constant(TensorProto {
        name: Some("trains".to_owned()),
        data_type: Some(DataType::Bool as i32),
        raw_data: Some(vec![trains]),
        ..TensorProto::default()
    });
    let inputs = ["product", "", "trains"];
    build.graph.node("Dropout", "drop", inputs, "scores", []);
}

/// Values minus their mean, over the batch or over the classes.
fn centred(axis: i64) -> Build {
    model(|build| {
        let axes = ("axes", Attribute::Ints(vec![axis]));
        build
            .graph
            .node("ReduceMean", "mean", ["product"], "mean", [axes]);
        build.graph.node("Sub", "sub", ["product", "mean"], "scores", []);
    })
}

#[test]
fn models_that_compute_as_in_training_are_refused() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let random = model(|build| {
        build.node("RandomNormalLike", "product", "noise");
        build.graph.node("Add", "add", ["product", "noise"], "scores", []);
    });
    for (build, messages) in [
        (
            model(|build| dropping(build, 1)),
            [
                "`model.onnx` cannot be used: node `drop` (Dropout) sets values to 0 at random",
                "hint: export the model in evaluation mode: in PyTorch, call `model.eval()`",
            ],
        ),
        (
            random,
            [
                "node `noise` (RandomNormalLike) draws random values",
                "hint: export the model without what is random",
            ],
        ),
    ] {
        build.save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        assert_eq!(found.code, 1, "{}", found.stderr);
        for message in messages {
            assert!(found.stderr.contains(message), "{}", found.stderr);
        }
        assert_eq!(found.stdout, "");
    }
    model(|build| dropping(build, 0)).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 1);
}

/// The output that is taken does not depend on what is random.
#[test]
fn another_output_may_be_random() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = model(|build| {
        build.node("Identity", "product", "scores");
        build.node("RandomNormalLike", "planes", "noise");
    });
    build.output_of("noise", DataType::Float, &[3, 32, 32]);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 1);
}

/// A distribution without a spread draws nothing. Of a normal one, ONNX Runtime ends the process.
#[test]
fn noise_without_a_spread_is_none() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let noisy = |op: &str, attributes: [(&'static str, f32); 2]| {
        model(|build| {
            let attributes = attributes.map(|(name, value)| (name, Attribute::Float(value)));
            let graph = &mut build.graph;
            graph.node(op, "noise", ["product"], "noise", attributes);
            graph.node("Add", "add", ["product", "noise"], "scores", []);
        })
    };
    noisy("RandomUniformLike", [("low", 0.5), ("high", 0.5)]).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 1);
    noisy("RandomNormalLike", [("mean", 0.5), ("scale", 0.0)]).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let message = "node `noise` (RandomNormalLike) draws random values of scale 0, all alike, at which ONNX Runtime ends the program";
    assert!(
        found.code == 1 && found.stderr.contains(message),
        "{}",
        found.stderr
    );
}

/// What is reduced over the batch is refused by a run, not by a node alone.
#[test]
fn pictures_that_change_each_others_values_are_refused() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    centred(0).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(found.code, 1, "{}", found.stderr);
    for message in [
        "a test picture gets other values in `scores` alone than beside other pictures",
        "node `mean` (ReduceMean)",
        "hint: a classifier is to compute each picture by itself",
    ] {
        let stderr = found.stderr.to_lowercase();
        assert!(stderr.contains(&message.to_lowercase()), "{}", found.stderr);
    }
    // It would give every class the same probability.
    assert!(!found.stderr.contains("--batch-size"), "{}", found.stderr);
    let Some(found) = run(&folder, "--batch-size 2 a.png") else {
        return;
    };
    assert_eq!(found.code, 1, "{}", found.stderr);
    let Some(found) = run(&folder, "--batch-size 1 a.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 1);
    centred(1).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 1);
    // The first axis is reduced, and is not that of the batch.
    turned_softmax(0).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 1);
}

/// Softmax of the transposed values, `[3, batch]`, over an axis.
fn turned_softmax(axis: i64) -> Build {
    model(|build| {
        let perm = || ("perm", Attribute::Ints(vec![1, 0]));
        let graph = &mut build.graph;
        graph.node("Transpose", "turned", ["product"], "turned", [perm()]);
        let axis = ("axis", Attribute::Int(axis));
        graph.node("Softmax", "softmax", ["turned"], "soft", [axis]);
        graph.node("Transpose", "back", ["soft"], "scores", [perm()]);
    })
}

/// The values, and those of the pictures from `start` to `end`, combined.
fn with_slice(op: &str, start: i64, end: i64, step: i64) -> Build {
    model(|build| {
        for (name, value) in [("start", start), ("end", end), ("axis", 0), ("step", step)] {
            build.graph.constant(integers(name, vec![value]));
        }
        let inputs = ["product", "start", "end", "axis", "step"];
        build.graph.node("Slice", "slice", inputs, "slice", []);
        build.graph.node(op, "last", ["product", "slice"], "scores", []);
    })
}

/// No axis need be the first one, counted from the left, and no node need look like one that takes pictures together.
#[test]
fn a_run_finds_what_no_node_shows() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let sum = model(|build| {
        build.graph.constant(integers("axis", vec![0]));
        build
            .graph
            .node("CumSum", "sum", ["product", "axis"], "scores", []);
    });
    let squares = model(|build| {
        let perm = ("perm", Attribute::Ints(vec![1, 0]));
        let graph = &mut build.graph;
        graph.node("Transpose", "turned", ["product"], "turned", [perm]);
        graph.node("MatMul", "squares", ["turned", "product"], "squares", []);
        let axes = ("axes", Attribute::Ints(vec![0]));
        let keep = ("keepdims", Attribute::Int(0));
        graph.node("ReduceMean", "first", ["squares"], "first", [axes, keep]);
        graph.node("Add", "add", ["product", "first"], "scores", []);
    });
    for (what, build, suspect) in [
        ("the mean over axis -2", centred(-2), Some("`mean` (ReduceMean)")),
        ("softmax of what is transposed", turned_softmax(1), None),
        ("less the first picture", with_slice("Sub", 0, 1, 1), None),
        ("less the last picture", with_slice("Sub", -1, i64::MAX, 1), None),
        (
            "with the order turned around",
            with_slice("Add", -1, i64::MIN, -1),
            None,
        ),
        ("the sum so far", sum, Some("`sum` (CumSum)")),
        ("products of pictures", squares, Some("`first` (ReduceMean)")),
    ] {
        build.save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        let message = "gets other values in `scores` alone than beside other pictures";
        assert_eq!(found.code, 1, "{what}: {}", found.stderr);
        assert!(found.stderr.contains(message), "{what}: {}", found.stderr);
        match suspect {
            Some(node) => assert!(found.stderr.contains(node), "{what}: {}", found.stderr),
            None => assert!(!found.stderr.contains("Node "), "{what}: {}", found.stderr),
        }
    }
}

/// Integers of 8 bits whose scale follows from the batch, as ONNX Runtime's dynamic quantisation makes them. Their rounding is
/// multiplied, as it grows in a network.
#[test]
fn scales_of_a_batch_are_no_mixture() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let build = model(|build| {
        let graph = &mut build.graph;
        graph.node("DynamicQuantizeLinear", "quantize", ["product"], "q", []);
        graph.node(
            "DequantizeLinear",
            "rounded",
            ["q", "scale", "zero"],
            "rounded",
            [],
        );
        graph.node("Sub", "lost", ["rounded", "product"], "lost", []);
        graph.initializer("factor", &[1], &[80.0], mbn_onnx::Precision::Fp32);
        graph.node("Mul", "grown", ["lost", "factor"], "grown", []);
        graph.node("Add", "add", ["product", "grown"], "scores", []);
    });
    build.save(&folder);
    let path = folder.path().join("model.onnx");
    let mut proto = mbn_onnx::Model::load(&path).unwrap().proto().clone();
    for node in &mut proto.graph.as_mut().unwrap().node {
        if node.op_type() == "DynamicQuantizeLinear" {
            node.output.extend(["scale".to_owned(), "zero".to_owned()]);
        }
    }
    std::fs::write(&path, mbn_onnx::Model::from(proto).to_bytes()).unwrap();
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let alone = predictions(&found).remove(0);
    // Another picture, of which the batch has another scale.
    picture(&folder, "b.png", [255, 0, 255]);
    let Some(found) = run(&folder, "b.png a.png") else {
        return;
    };
    assert_eq!(predictions(&found).remove(1), alone, "{}", found.stderr);
    assert!(found.stderr.contains("so it takes one:"), "{}", found.stderr);
    let Some(found) = run(&folder, "--batch-size 2 b.png a.png") else {
        return;
    };
    assert!(predictions(&found).remove(1) != alone, "{}", found.stderr);
    let warning = "over the 2 pictures that it takes at once";
    assert!(found.stderr.contains(warning), "{}", found.stderr);
}

/// A model that says any batch and takes one picture: what the test pictures run into is not told.
#[test]
fn a_batch_that_fails_is_left_to_the_run() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    picture(&folder, "b.png", COLOUR);
    model(|build| {
        build.graph.constant(integers("shape", vec![1, 3]));
        build
            .graph
            .node("Reshape", "reshape", ["product", "shape"], "scores", []);
    })
    .save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 1);
    assert!(
        !found.stderr.to_lowercase().contains("reshape"),
        "{}",
        found.stderr
    );
    let Some(found) = run(&folder, "a.png b.png") else {
        return;
    };
    assert!(
        found.code != 0
            && found
                .stderr
                .contains("`--batch-size 1` gives it one image at a time"),
        "{}",
        found.stderr
    );
    let Some(found) = run(&folder, "--batch-size 1 a.png b.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 2);
}
