//! Models of which a picture gets other classes by chance, or beside other pictures.

use mbn_onnx::builder::Attribute;
use mbn_onnx::proto::{DataType, TensorProto};

use super::model::{Build, IDENTITY, first};
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
        "a test picture gets other values in `scores` alone than beside another picture",
        "node `mean` (ReduceMean)",
        "`--batch-size 1`",
    ] {
        let stderr = found.stderr.to_lowercase();
        assert!(stderr.contains(&message.to_lowercase()), "{}", found.stderr);
    }
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
    model(|build| {
        let perm = || ("perm", Attribute::Ints(vec![1, 0]));
        build
            .graph
            .node("Transpose", "turned", ["product"], "turned", [perm()]);
        build.graph.node(
            "Softmax",
            "softmax",
            ["turned"],
            "soft",
            [("axis", Attribute::Int(0))],
        );
        build
            .graph
            .node("Transpose", "back", ["soft"], "scores", [perm()]);
    })
    .save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(predictions(&found).len(), 1);
}
