//! Probabilities that the graph gives in a form of its own.

use mbn_onnx::Precision;
use mbn_onnx::builder::Attribute;
use mbn_onnx::proto::DataType;

use super::model::{Build, IDENTITY, first};
use super::outputs::{logits, tripled};
use super::{COLOUR, assert_close, imagenet, picture, predictions, probabilities, run, sigmoid, softmax};
use crate::common::folder;

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
