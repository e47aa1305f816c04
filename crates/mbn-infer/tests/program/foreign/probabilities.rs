//! Probabilities that the graph gives in a form of its own.

use mbn_onnx::Precision;
use mbn_onnx::builder::Attribute;
use mbn_onnx::proto::DataType;
use serde_json::Value;
use tempfile::TempDir;

use super::model::{Build, IDENTITY, first};
use super::outputs::{logits, tripled};
use super::{
    COLOUR, assert_close, imagenet, picture, predictions, probabilities, program, run, sigmoid, softmax,
};
use crate::common::{Run, folder};

/// Probabilities of 8 bits, which sum to 1 only roughly, whatever pictures are classified together.
#[test]
fn softmax_and_sigmoid_on_integers_are_not_done_again() {
    const STEP: f32 = 1.0 / 256.0;
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    picture(&folder, "b.png", [0, 10, 250]);
    for (op, attributes, expected) in [
        (
            "QLinearSoftmax",
            &[("axis", Attribute::Int(1)), ("opset", Attribute::Int(13))][..],
            softmax as fn(&[f64]) -> Vec<f64>,
        ),
        ("QLinearSigmoid", &[], sigmoid),
    ] {
        let mut build = Build::new(DataType::Float, first(32));
        build.product("means", &tripled(), "product");
        let graph = &mut build.graph;
        graph.initializer("step", &[], &[STEP], Precision::Fp32);
        graph.initializer("tenth", &[], &[0.1], Precision::Fp32);
        let bytes = [("to", Attribute::Int(DataType::Uint8 as i64))];
        for (name, value) in [("zero", 0.0), ("middle", 128.0)] {
            graph.initializer(&format!("{name}.float"), &[], &[value], Precision::Fp32);
            graph.node("Cast", name, [&*format!("{name}.float")], name, bytes.clone());
        }
        graph.node(
            "QuantizeLinear",
            "quantized",
            ["product", "tenth", "middle"],
            "quantized",
            [],
        );
        let inputs = ["quantized", "tenth", "middle", "step", "zero"];
        graph.node(op, "activation", inputs, "activation", attributes.to_vec());
        graph.node(
            "DequantizeLinear",
            "scores",
            ["activation", "step", "zero"],
            "scores",
            [],
        );
        build.output("scores", 3);
        build.save(&folder);
        let rows = [COLOUR, [0, 10, 250]].map(|colour| {
            let logits = imagenet(colour).map(|value| (30.0 * value).round() / 10.0);
            expected(&logits)
        });
        for (pictures, order) in [
            ("a.png", &[0][..]),
            ("a.png b.png", &[0, 1]),
            ("b.png a.png", &[1, 0]),
        ] {
            let Some(run) = run(&folder, pictures) else { return };
            for (found, &row) in predictions(&run).iter().zip(order) {
                for ((_, found), expected) in found.iter().zip(&rows[row]) {
                    assert!(
                        (found - expected).abs() < f64::from(STEP),
                        "{op} {pictures}: {}",
                        run.stdout
                    );
                }
            }
        }
    }
}

/// Softmax whose parts are in no known order shows in the values for test pictures. What is classified does not matter.
#[test]
fn test_pictures_show_what_the_graph_does_not() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &tripled(), "product");
    build.node("Exp", "product", "parts");
    build.product("parts", &[1.0; 3], "sum");
    build.graph.node("Reciprocal", "part", ["sum"], "part", []);
    build.graph.node("Mul", "scores", ["parts", "part"], "scores", []);
    build.output("scores", 3);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert!(
        found.stderr.contains("they are taken for probabilities"),
        "{}",
        found.stderr
    );
    assert_close(&probabilities(&found), &softmax(&logits()), &found);

    // Logits of one picture that look like probabilities: 0.2, 0.4 and 0.4.
    picture(&folder, "b.png", [51, 102, 102]);
    let expected = softmax(&[0.2, 0.4, 0.4]);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &IDENTITY, "product");
    build.node("Abs", "product", "scores");
    build.output("scores", 3);
    build.save(&folder);
    for (options, is_unclear) in [
        ("--mean 0,0,0 --std 1,1,1", true),
        ("--mean=-1,-1,-1 --std 1,1,1", false),
    ] {
        let Some(found) = run(&folder, &format!("{options} b.png")) else {
            return;
        };
        // A mean of -1 adds 1 to each logit.
        assert_close(&probabilities(&found), &expected, &found);
        let warning = "may be logits or probabilities";
        assert_eq!(found.stderr.contains(warning), is_unclear, "{}", found.stderr);
        assert!(found.stderr.contains("assumed to be logits"), "{}", found.stderr);
    }
}

#[test]
fn per_cents_are_divided() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &tripled(), "product");
    build.node("Softmax", "product", "parts");
    build.graph.initializer("hundred", &[], &[100.0], Precision::Fp32);
    build
        .graph
        .node("Mul", "scores", ["parts", "hundred"], "scores", []);
    build.output("scores", 3);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&logits()), &found);
    assert!(
        found.stderr.contains("probabilities in per cent"),
        "{}",
        found.stderr
    );
    // Logits of the same size are none.
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &IDENTITY.map(|value| 40.0 * value), "product");
    build.node("Abs", "product", "scores");
    build.output("scores", 3);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let expected = imagenet(COLOUR).map(|value| (40.0 * value).abs());
    assert_close(&probabilities(&found), &softmax(&expected), &found);
}

/// Keras cuts probabilities by 1e-7 on either side.
#[test]
fn probabilities_between_bounds_stay_what_they_are() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let tripled = tripled();
    let single: Vec<_> = tripled.chunks(3).map(|row| row[0]).collect();
    for matrix in [&tripled[..], &single] {
        let mut build = Build::new(DataType::Float, first(32));
        build.product("means", matrix, "product");
        build.node("Sigmoid", "product", "parts");
        for (name, value) in [("least", 1e-7), ("most", 1.0 - 1e-7)] {
            build.graph.initializer(name, &[], &[value], Precision::Fp32);
        }
        let inputs = ["parts", "least", "most"];
        build.graph.node("Clip", "scores", inputs, "scores", []);
        build.output("scores", matrix.len() / 3);
        build.save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        let expected = match sigmoid(&logits()).as_slice() {
            [first, ..] if matrix.len() == 3 => vec![1.0 - first, *first],
            all => all.to_vec(),
        };
        assert_close(&probabilities(&found), &expected, &found);
        assert!(found.stderr.contains("it ends in sigmoid"), "{}", found.stderr);
        assert!(!found.stderr.contains("warning"), "{}", found.stderr);
    }
}

/// The probabilities of kinds add up to those of groups.
#[test]
fn groups_of_classes_are_not_taken_for_logits() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &tripled(), "product");
    build.node("Softmax", "product", "kinds");
    build.product("kinds", &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0], "groups");
    build.output("groups", 2);
    build.save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    let kinds = softmax(&logits());
    assert_close(&probabilities(&found), &[kinds[0] + kinds[1], kinds[2]], &found);
}

/// Exporters have written softmax with the axis that an earlier version of ONNX had by default.
#[test]
fn softmax_over_another_axis_is_said() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    for (is_wrong, order) in [(true, ["Softmax", "Flatten"]), (false, ["Flatten", "Softmax"])] {
        let mut build = Build::new(DataType::Float, first(32));
        let graph = &mut build.graph;
        graph.initializer("w", &[3, 3, 1, 1], &tripled(), Precision::Fp32);
        graph.node("Conv", "conv", ["pooled", "w"], "map", []);
        build.node(order[0], "map", "between");
        build.node(order[1], "between", "scores");
        build.output("scores", 3);
        build.save(&folder);
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        let warning = "warning: the model's probabilities sum to 3.000 for an image, expected 1";
        assert_eq!(found.stderr.contains(warning), is_wrong, "{}", found.stderr);
    }
}

/// Saves `model.onnx`, which has these logits for a white picture.
fn with_logits(folder: &TempDir, logits: &[f32]) {
    let mut matrix = logits.to_vec();
    matrix.resize(3 * logits.len(), 0.0);
    let mut build = Build::new(DataType::Float, first(32));
    build.product("means", &matrix, "scores");
    build.output("scores", logits.len());
    build.save(folder);
}

/// The white picture `path`, with the mean 1 of each channel.
fn classify(folder: &TempDir, options: &str, path: &str) -> Option<Run> {
    let mut command = program(folder)?;
    command.args("--format json --mean 0 --std 1".split_whitespace());
    command.args(options.split_whitespace()).arg(path);
    Some(Run::of(command.output().unwrap()))
}

/// Indexes of the classes in the order in which they are written.
fn order(run: &Run) -> Vec<u64> {
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    let classes = line["predictions"].as_array().unwrap();
    classes
        .iter()
        .map(|class| class["index"].as_u64().unwrap())
        .collect()
}

/// Sigmoid is 1 from 17 on, and softmax 0 for what is 104 less than the largest.
#[test]
fn the_likeliest_class_is_first_where_probabilities_are_rounded_to_the_same() {
    let folder = folder();
    for (options, logits, expected) in [
        ("--multi-label", [20.0, 18.0, 25.0], [2, 0, 1]),
        ("", [-120.0, -110.0, 300.0], [2, 1, 0]),
    ] {
        with_logits(&folder, &logits);
        picture(&folder, "class_2/a.png", [255; 3]);
        let Some(run) = classify(&folder, options, "class_2/a.png") else {
            return;
        };
        assert_eq!(order(&run), expected, "{}", run.stdout);
        let Some(run) = classify(&folder, &format!("{options} --evaluate"), ".") else {
            return;
        };
        assert!(run.stderr.contains("accuracy: top-1 100.00 %"), "{}", run.stderr);
    }
}

/// A threshold alone decides how many classes are written of which several may be right; the most otherwise.
#[test]
fn all_right_classes_reach_the_threshold() {
    let folder = folder();
    picture(&folder, "a.png", [255; 3]);
    with_logits(&folder, &[3.0, 2.0, 4.0, 2.5, -5.0, 1.0]);
    for (options, expected) in [
        ("--multi-label --threshold 0.5", &[2, 0, 3, 1, 5][..]),
        ("--multi-label --threshold 0.5 --top-k 2", &[2, 0]),
        ("--multi-label", &[2, 0, 3]),
        ("--threshold 0", &[2, 0, 3]),
    ] {
        let Some(run) = classify(&folder, options, "a.png") else {
            return;
        };
        assert_eq!(order(&run), expected, "{options}");
    }
}
