//! Models that do something other than classify.

use mbn_onnx::builder::Attribute;
use mbn_onnx::proto::DataType;

use super::model::{Build, first};
use super::outputs::{logits, tripled};
use super::{COLOUR, assert_close, picture, probabilities, run, softmax};
use crate::common::folder;

#[test]
fn regression_is_refused_by_name() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let write = |problem: &str| {
        let config = format!(r#"{{"model_type": "vit", "problem_type": "{problem}"}}"#);
        std::fs::write(folder.path().join("config.json"), config).unwrap();
    };
    Build::ending_in("Identity", &tripled()).save(&folder);
    write("regression");
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{}", found.stderr);
    for part in [
        "`model.onnx` is no classifier",
        "config.json` has `problem_type` `regression`",
        "hint: if its values are those of classes",
    ] {
        assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
    }
    // Weights, beside which transformers writes the same file.
    crate::common::other_weights(&folder, "w.safetensors");
    let Some(found) = run(&folder, "--model w.safetensors a.png") else {
        return;
    };
    assert_eq!(found.code, 1, "{}", found.stderr);
    assert!(
        found.stderr.contains("`w.safetensors` is no classifier"),
        "{}",
        found.stderr
    );
    write("single_label_classification");
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&logits()), &found);
}

/// timm's models without their classifier.
#[test]
fn pooled_features_are_no_classes() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let warning = "look like features and not like classes: `GlobalAveragePool` makes them";
    let mut build = Build::new(DataType::Float, first(32));
    build.node("Flatten", "means", "features");
    build.output("features", 3);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(found.stderr.contains(warning), "{}", found.stderr);
    assert!(
        found
            .stderr
            .contains("hint: export the model with its classifier"),
        "{}",
        found.stderr
    );
    // Names say that they are classes.
    std::fs::write(folder.path().join("names.txt"), "a\nb\nc\n").unwrap();
    let Some(found) = run(&folder, "--classes names.txt a.png") else {
        return;
    };
    assert!(!found.stderr.contains(warning), "{}", found.stderr);
    Build::ending_in("Identity", &tripled()).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert!(!found.stderr.contains(warning), "{}", found.stderr);
}

/// Custom Vision's models: the likeliest class, and a dictionary of all.
#[test]
fn the_values_of_a_dictionary_are_named() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let build = || {
        let mut build = Build::new(DataType::Float, first(32));
        build.product("means", &tripled(), "product");
        build.node("Softmax", "product", "all");
        let labels = ("classlabels_int64s", Attribute::Ints(vec![0, 1, 2]));
        build.graph.node("ZipMap", "loss", ["all"], "loss", [labels]);
        build.node("ArgMax", "product", "classLabel");
        build.output_of("classLabel", DataType::Int64, &[3, 1]);
        build.output("loss", 3);
        build
    };
    build().save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{}", found.stderr);
    let hint = "hint: its output `loss` is a dictionary that `ZipMap` makes: export the model with `all`";
    assert!(found.stderr.contains(hint), "{}", found.stderr);
    let mut with_all = build();
    with_all.output("all", 3);
    with_all.save(&folder);
    let Some(found) = run(&folder, "--output-name all a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&logits()), &found);
}
