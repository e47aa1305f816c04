//! Which output has the classes' values, and what they are.

use mbn_onnx::proto::DataType;
use mbn_onnx::{Dim, Precision, TensorType};

use super::model::{Build, IDENTITY, first, symbol};
use super::{COLOUR, assert_close, imagenet, labels, picture, probabilities, run, sigmoid, softmax};
use crate::common::folder;

/// Two columns: the sum of the channels, and their difference.
pub const TWO: [f32; 6] = [1.0, 1.0, 1.0, -1.0, 0.0, 0.0];

/// A matrix that makes every value three times as large, so that logits and probabilities of it differ.
pub fn tripled() -> Vec<f32> {
    IDENTITY.iter().map(|value| 3.0 * value).collect()
}

pub fn logits() -> Vec<f64> {
    imagenet(COLOUR).iter().map(|value| 3.0 * value).collect()
}

/// The name of the output says nothing: `scores` here ends in anything.
#[test]
fn softmax_and_sigmoid_inside_are_not_done_again() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    for (op, expected) in [
        ("Identity", softmax(&logits())),
        ("Softmax", softmax(&logits())),
        ("LogSoftmax", softmax(&logits())),
        ("Sigmoid", sigmoid(&logits())),
    ] {
        Build::ending_in(op, &tripled()).save(&folder);
        let Some(run) = run(&folder, "a.png") else { return };
        assert_close(&probabilities(&run), &expected, &run);
        assert!(run.stderr.contains("output: `scores`"), "{}", run.stderr);
    }
    // Behind nodes that change no value.
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &tripled(), "product");
    build.node("Softmax", "product", "softmax");
    build.node("Identity", "softmax", "identity");
    build.node("Flatten", "identity", "logits");
    build.output("logits", 3);
    build.save(&folder);
    let Some(run) = run(&folder, "a.png") else { return };
    assert_close(&probabilities(&run), &softmax(&logits()), &run);
}

/// An output called `probabilities` of a model that has no softmax.
#[test]
fn a_name_alone_makes_no_probabilities() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &tripled(), "probabilities");
    build.output("probabilities", 3);
    build.save(&folder);
    let Some(run) = run(&folder, "a.png") else { return };
    assert_close(&probabilities(&run), &softmax(&logits()), &run);
}

#[test]
fn multi_label_takes_each_class_by_itself() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    Build::ending_in("Identity", &tripled()).save(&folder);
    let Some(found) = run(&folder, "--multi-label a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &sigmoid(&logits()), &found);
    // What a configuration beside it says counts as well.
    let config = r#"{"problem_type": "multi_label_classification"}"#;
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &sigmoid(&logits()), &found);
    Build::ending_in("Sigmoid", &tripled()).save(&folder);
    let Some(found) = run(&folder, "--multi-label a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &sigmoid(&logits()), &found);
    Build::ending_in("Softmax", &tripled()).save(&folder);
    let Some(found) = run(&folder, "--multi-label a.png") else {
        return;
    };
    assert_eq!(found.code, 1);
    assert!(found.stderr.contains("`--multi-label`"), "{}", found.stderr);
}

#[test]
fn one_sigmoid_value_is_the_second_of_two_classes() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let red = imagenet(COLOUR)[0];
    Build::ending_in("Sigmoid", &[1.0, 0.0, 0.0]).save(&folder);
    std::fs::write(folder.path().join("labels.txt"), "cat\ndog\n").unwrap();
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let dog = sigmoid(&[red])[0];
    assert_close(&probabilities(&found), &[1.0 - dog, dog], &found);
    assert_eq!(labels(&found), ["cat", "dog"]);
    let Some(found) = run(&folder, "--multi-label a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &[dog], &found);
    // Without sigmoid it may be anything.
    Build::ending_in("Identity", &[1.0, 0.0, 0.0]).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(found.code, 1);
    assert!(
        found.stderr.contains("has one value for an image"),
        "{}",
        found.stderr
    );
}

#[test]
fn dimensions_of_one_are_left_out() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = Build::new(DataType::Float, first(32));
    let weight = tripled();
    build
        .graph
        .initializer("w", &[3, 3, 1, 1], &weight, Precision::Fp32);
    build.graph.node("Conv", "conv", ["pooled", "w"], "map", []);
    build.output_of("map", DataType::Float, &[3, 1, 1]);
    build.save(&folder);
    let Some(run) = run(&folder, "a.png") else { return };
    assert_close(&probabilities(&run), &softmax(&logits()), &run);
}

#[test]
fn of_several_outputs_the_classes_are_found() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let base = || {
        let mut build = Build::new(DataType::Float, first(32));
        build.product("means", &tripled(), "product");
        build
    };
    // Features and maps come first; the product has the classes.
    let mut build = base();
    build.output("means", 3);
    build.output_of("planes", DataType::Float, &[3, 32, 32]);
    build.output("product", 3);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&logits()), &found);
    assert!(found.stderr.contains("output: `product`"), "{}", found.stderr);
    // Logits and their probabilities are one head, in either order.
    for [one, other] in [["product", "soft"], ["soft", "product"]] {
        let mut build = base();
        build.node("Softmax", "product", "soft");
        build.output(one, 3);
        build.output(other, 3);
        build.save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        assert_close(&probabilities(&found), &softmax(&logits()), &found);
    }
}

/// Even if it is a probability, and the classes are logits. With two class names it has both.
#[test]
fn a_single_value_beside_the_classes_is_something_else() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &tripled(), "classes");
    build.product("means", &[1.0, 0.0, 0.0], "sure");
    build.node("Sigmoid", "sure", "confidence");
    build.output("classes", 3);
    build.output("confidence", 1);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&logits()), &found);
    std::fs::write(folder.path().join("names.txt"), "a\nb\n").unwrap();
    let Some(found) = run(&folder, "--classes names.txt a.png") else {
        return;
    };
    let second = sigmoid(&[imagenet(COLOUR)[0]])[0];
    assert_close(&probabilities(&found), &[1.0 - second, second], &found);
}

#[test]
fn outputs_that_stay_open_are_listed_and_named() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let two_heads = || {
        let mut build = Build::new(DataType::Float, first(32));
        build.product("means", &tripled(), "kinds");
        build.product("means", &TWO, "breeds");
        build.output("kinds", 3);
        build.output("breeds", 2);
        build
    };
    two_heads().save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(found.code, 1);
    for part in ["`kinds`", "`breeds`", "hint: `--output-name NAME`"] {
        assert!(found.stderr.contains(part), "{}", found.stderr);
    }
    let [red, green, _] = imagenet(COLOUR);
    let breeds = softmax(&[red + green, red - green]);
    let Some(found) = run(&folder, "--output-name breeds a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &breeds, &found);
    let Some(found) = run(&folder, "--output-name gone a.png") else {
        return;
    };
    assert_eq!(found.code, 1);
    assert!(
        found.stderr.contains("no output `gone`") && found.stderr.contains("`kinds`"),
        "{}",
        found.stderr
    );
    // The number of names tells which it is.
    std::fs::write(folder.path().join("names.txt"), "a\nb\n").unwrap();
    let Some(found) = run(&folder, "--classes names.txt a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &breeds, &found);
    assert_eq!(labels(&found), ["a", "b"]);
}

#[test]
fn what_is_no_classifier_is_refused_with_its_inputs_and_outputs() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut segmenter = Build::new(DataType::Float, first(32));
    segmenter.output_of("planes", DataType::Float, &[3, 32, 32]);
    let mut two = Build::new(DataType::Float, [symbol("n"), 2.into(), 28.into(), 28.into()]);
    two.output("means", 2);
    let mut oblong = Build::new(DataType::Float, [symbol("n"), 3.into(), 32.into(), 64.into()]);
    oblong.output("means", 3);
    let mut huge = Build::new(DataType::Float, first(1_000_000));
    huge.product("means", &IDENTITY, "scores");
    huge.open_output("scores", &["classes"]);
    huge.save(&folder);
    let Some(run_huge) = run(&folder, "a.png") else {
        return;
    };
    let part = "its input is fixed to 1000000 x 1000000 pixels, at most 4096 a side";
    assert!(
        run_huge.code == 1 && run_huge.stderr.contains(part),
        "{}",
        run_huge.stderr
    );
    let mut masked = Build::of_size(32);
    masked
        .graph
        .input("mask", &TensorType::new(DataType::Float, [Dim::Fixed(1)]));
    let mut detector = Build::new(DataType::Float, first(32));
    detector.output_of("planes", DataType::Float, &[3, 32, 32]);
    let detector = detector.saying(&[("task", "detect"), ("imgsz", "[32, 32]"), ("names", "{0: 'a'}")]);
    for (build, parts) in [
        (segmenter, &["`planes`", "[batch, classes]"][..]),
        (two, &["[batch, 3, size, size]"]),
        (oblong, &["[batch, 3, size, size]"]),
        (masked, &["`mask`", "[batch, 3, size, size]"]),
        (detector, &["task `detect`", "expected `classify`", "`planes`"]),
    ] {
        build.save(&folder);
        let Some(run) = run(&folder, "a.png") else { return };
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
        for part in parts
            .iter()
            .chain(&["`model.onnx`", "`pictures`", "it is no image classifier"])
        {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    }
}
