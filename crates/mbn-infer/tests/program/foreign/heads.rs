//! Outputs that look like those of the classes and are not: sorted values, other classifiers, embeddings.

use mbn_onnx::builder::Attribute;
use mbn_onnx::proto::DataType;

use super::model::{Build, IDENTITY, first};
use super::outputs::{TWO, logits, tripled};
use super::{COLOUR, assert_close, imagenet, labels, picture, probabilities, run, softmax};
use crate::common::folder;

/// The largest values first, whatever their class.
#[test]
fn sorted_values_are_not_taken_for_classes() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    std::fs::write(folder.path().join("labels.txt"), "cat\ndog\nowl\n").unwrap();
    let sorted = |k: usize| {
        let mut build = Build::new(DataType::Float, first(32));
        build.product("means", &tripled(), "product");
        build.node("Softmax", "product", "all");
        build.top_k("all", k as i64, "largest");
        build.node("Identity", "largest", "same");
        build.graph.node(
            "Cast",
            "scores",
            ["same"],
            "scores",
            [("to", Attribute::Int(DataType::Float as i64))],
        );
        build.output("scores", k);
        build.output_of("largest.places", DataType::Int64, &[k]);
        build
    };
    for options in ["a.png", "--output-name scores a.png", "--multi-label a.png"] {
        for k in [3, 2] {
            sorted(k).save(&folder);
            let Some(found) = run(&folder, options) else {
                return;
            };
            assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{}", found.stderr);
            for part in [
                "`model.onnx`",
                "`scores`",
                "`TopK`",
                "export the model with `all`",
            ] {
                assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
            }
        }
    }
    // What they were taken of is an output too, in either order.
    for is_first in [true, false] {
        let mut build = sorted(3);
        if is_first {
            build = Build::new(DataType::Float, first(32));
            build.product("means", &tripled(), "product");
            build.node("Softmax", "product", "all");
            build.top_k("all", 3, "scores");
            build.output("all", 3);
            build.output("scores", 3);
        } else {
            build.output("all", 3);
        }
        build.save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&logits()), &found);
        assert!(found.stderr.contains("output: `all`"), "{}", found.stderr);
    }
}

/// Neither an embedding nor another classifier has the classes whose values are sorted.
#[test]
fn what_stands_beside_sorted_values_is_not_taken_for_them() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &IDENTITY, "embedding");
    build.product("embedding", &tripled(), "product");
    build.node("Softmax", "product", "all");
    build.top_k("all", 3, "largest");
    build.product("means", &TWO, "colours");
    build.output("embedding", 3);
    build.output("largest", 3);
    build.output("colours", 2);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{}", found.stderr);
    for part in ["`largest`", "`TopK`", "export the model with `all`"] {
        assert!(found.stderr.contains(part), "{}", found.stderr);
    }
    let [red, green, _] = imagenet(COLOUR);
    let Some(found) = run(&folder, "--output-name colours a.png") else {
        return;
    };
    assert_close(
        &probabilities(&found),
        &softmax(&[red + green, red - green]),
        &found,
    );
}

/// Attributes that are right or wrong each by itself, beside classes of which one is right.
#[test]
fn unrelated_heads_are_not_taken_for_one() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let heads = |classes: &str, activation: &str, outputs: [&str; 2]| {
        let mut build = Build::new(DataType::Float, first(32));
        build.product("means", &tripled(), classes);
        build.product("means", &TWO, "two");
        build.node(activation, "two", "attributes");
        for output in outputs {
            build.output(output, if output == "attributes" { 2 } else { 3 });
        }
        build.save(&folder);
    };
    for activation in ["Sigmoid", "Softmax"] {
        // The name decides.
        for outputs in [["logits", "attributes"], ["attributes", "logits"]] {
            heads("logits", activation, outputs);
            let Some(found) = run(&folder, "a.png") else {
                return;
            };
            assert_close(&probabilities(&found), &softmax(&logits()), &found);
        }
        heads("kinds", activation, ["kinds", "attributes"]);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{}", found.stderr);
        for part in ["`kinds`", "`attributes`", "hint: `--output-name NAME`"] {
            assert!(found.stderr.contains(part), "{}", found.stderr);
        }
    }
    // Some of the classes by themselves are no probabilities of all.
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &tripled(), "logits");
    build.product("logits", &TWO, "two");
    build.node("Sigmoid", "two", "boxes");
    build.output("boxes", 2);
    build.output("logits", 3);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&logits()), &found);
}

/// An embedding is the result of a product too, and its layer may end in sigmoid.
#[test]
fn what_the_classifier_is_made_of_is_not_its_output() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &IDENTITY, "embedding");
    build.product("embedding", &tripled(), "product");
    build.node("Softmax", "product", "scores");
    build.output("embedding", 3);
    build.output("scores", 3);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&logits()), &found);
    let mut build = Build::new(DataType::Float, first(32));
    build.node("Sigmoid", "means", "hidden");
    build.product("hidden", &tripled(), "scores");
    build.output("hidden", 3);
    build.output("scores", 3);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(found.code, 1, "{}", found.stdout);
    assert!(found.stderr.contains("`--output-name NAME`"), "{}", found.stderr);
}

#[test]
fn the_number_of_classes_is_learned_where_the_file_does_not_say_it() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let build = |dims: &[&str]| {
        let mut build = Build::new(DataType::Float, first(32));
        build.product("means", &tripled(), "scores");
        build.open_output("scores", dims);
        build.save(&folder);
    };
    build(&["classes"]);
    for options in ["a.png", "--output-name scores a.png"] {
        let Some(found) = run(&folder, options) else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&logits()), &found);
        assert_eq!(labels(&found), ["class_0", "class_1", "class_2"]);
    }
    std::fs::write(folder.path().join("names.txt"), "a\nb\n").unwrap();
    let Some(found) = run(&folder, "--classes names.txt a.png") else {
        return;
    };
    assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{}", found.stderr);
}
