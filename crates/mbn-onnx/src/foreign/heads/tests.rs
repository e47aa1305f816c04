use super::*;
use crate::builder::GraphBuilder;
use crate::proto::{DataType, GraphProto, ModelProto};
use crate::{Dim, TensorType};
use prost::Message;

/// A graph of nodes `(operator, inputs, output)`.
fn graph(nodes: &[(&str, &str, &str)], outputs: &[&str]) -> GraphProto {
    let mut graph = GraphBuilder::new("test");
    for (op, inputs, output) in nodes {
        graph.node(op, output, inputs.split(' '), output, []);
    }
    for output in outputs {
        graph.output(output, &TensorType::new(DataType::Float, [Dim::Fixed(1)]));
    }
    graph.finish()
}

fn heads(nodes: &[(&str, &str, &str)], outputs: &[&str]) -> Heads {
    Heads::of(&Model::from(ModelProto {
        graph: Some(graph(nodes, outputs)),
        ..ModelProto::default()
    }))
}

fn ending(nodes: &[(&str, &str, &str)]) -> Ending {
    heads(nodes, &["out"]).ending("out")
}

#[test]
fn the_last_node_that_makes_values_counts() {
    for (nodes, expected) in [
        (&[("Gemm", "x w b", "out")][..], Ending::Linear),
        (&[("MatMul", "x w", "y"), ("Add", "b y", "out")], Ending::Linear),
        (&[("Gemm", "x w", "y"), ("Softmax", "y", "out")], Ending::Softmax),
        (
            &[("Gemm", "x w", "y"), ("LogSoftmax", "y", "out")],
            Ending::Linear,
        ),
        (
            &[
                ("Conv", "x w", "y"),
                ("Sigmoid", "y", "p"),
                ("Squeeze", "p axes", "q"),
                ("Flatten", "q", "r"),
                ("Reshape", "r shape", "s"),
                ("Identity", "s", "t"),
                ("Cast", "t", "out"),
            ],
            Ending::Sigmoid,
        ),
        // A product of probabilities may add up those of classes.
        (&[("Softmax", "x", "a"), ("MatMul", "a v", "out")], Ending::Other),
        (
            &[
                ("Sigmoid", "x", "p"),
                ("Flatten", "p", "a"),
                ("MatMul", "a v", "y"),
                ("Add", "y b", "out"),
            ],
            Ending::Other,
        ),
        (
            &[
                ("Softmax", "x", "p"),
                ("DynamicQuantizeLinear", "p", "a"),
                ("MatMulInteger", "a v", "y"),
                ("Cast", "y", "z"),
                ("Mul", "z scale", "out"),
            ],
            Ending::Other,
        ),
        // Softmax further inside the network is not at its end.
        (
            &[
                ("Softmax", "x", "a"),
                ("MatMul", "a v", "y"),
                ("Gemm", "y w b", "out"),
            ],
            Ending::Linear,
        ),
        (&[("Sigmoid", "x", "a"), ("Mul", "a x", "out")], Ending::Other),
        (
            &[("GlobalAveragePool", "x", "y"), ("Flatten", "y", "out")],
            Ending::Other,
        ),
        // Softmax written out, with and without the maximum.
        (
            &[
                ("ReduceMax", "x", "m"),
                ("Sub", "x m", "d"),
                ("Exp", "d", "e"),
                ("ReduceSum", "e axes", "s"),
                ("Div", "e s", "out"),
            ],
            Ending::Softmax,
        ),
        (
            &[("Exp", "x", "e"), ("ReduceSum", "e", "s"), ("Div", "e s", "out")],
            Ending::Softmax,
        ),
        (
            &[("Exp", "x", "e"), ("ReduceSum", "x", "s"), ("Div", "e s", "out")],
            Ending::Other,
        ),
        // Models of 8 bits.
        (
            &[
                ("QGemm", "x xs xz w ws wz b ys yz", "y"),
                ("QLinearSoftmax", "y ys yz ps pz", "p"),
                ("DequantizeLinear", "p ps pz", "out"),
            ],
            Ending::Softmax,
        ),
        (
            &[
                ("QLinearMatMul", "x xs xz w ws wz ys yz", "y"),
                ("QLinearSigmoid", "y ys yz ps pz", "p"),
                ("DequantizeLinear", "p ps pz", "out"),
            ],
            Ending::Sigmoid,
        ),
        (
            &[
                ("QLinearMatMul", "x xs xz w ws wz ys yz", "y"),
                ("QLinearAdd", "y ys yz b bs bz zs zz", "z"),
                ("DequantizeLinear", "z zs zz", "out"),
            ],
            Ending::Linear,
        ),
        (
            &[
                ("MatMulInteger", "x w xz wz", "i"),
                ("Cast", "i", "f"),
                ("Mul", "f scales", "y"),
                ("Add", "y b", "out"),
            ],
            Ending::Linear,
        ),
        (
            &[
                ("ConvInteger", "x w", "i"),
                ("Cast", "i", "f"),
                ("Mul", "scales f", "out"),
            ],
            Ending::Linear,
        ),
        (&[("MatMul", "x w", "y"), ("Mul", "y y", "out")], Ending::Other),
        (&[], Ending::Other),
        (&[("Identity", "out", "out")], Ending::Other),
    ] {
        assert_eq!(ending(nodes), expected, "{nodes:?}");
    }
    assert_eq!(heads(&[], &[]).ending("gone"), Ending::Other);
}

#[test]
fn outputs_of_one_head_belong_together() {
    let nodes = [
        ("Flatten", "x", "features"),
        ("Gemm", "features w", "logits"),
        ("Softmax", "logits", "probabilities"),
        ("Gemm", "features v", "other"),
    ];
    let heads = heads(&nodes, &["features", "logits", "probabilities", "other"]);
    assert!(heads.are_one("logits", "probabilities"));
    for (one, other) in [("features", "logits"), ("logits", "other"), ("logits", "gone")] {
        assert!(!heads.are_one(one, other), "{one} {other}");
    }
}

#[test]
fn functions_of_the_model_are_followed() {
    let function = |name: &str, nodes: &[(&str, &str, &str)]| {
        let function = FunctionProto {
            name: Some(name.to_owned()),
            domain: Some("local".to_owned()),
            input: vec!["a".to_owned(), "b".to_owned()],
            output: vec!["out".to_owned()],
            node: graph(nodes, &[]).node,
        };
        function.encode_to_vec()
    };
    let with = |functions: Vec<Vec<u8>>| {
        let nodes = [("Gemm", "x w", "y"), ("Last", "z y", "out")];
        let mut graph = graph(&nodes, &["out"]);
        graph.node[1].domain = Some("local".to_owned());
        let model = ModelProto {
            graph: Some(graph),
            functions,
            ..ModelProto::default()
        };
        Heads::of(&Model::from(model)).ending("out")
    };
    assert_eq!(
        with(vec![function("Last", &[("Softmax", "b", "out")])]),
        Ending::Softmax
    );
    assert_eq!(
        with(vec![function("Last", &[("Identity", "b", "out")])]),
        Ending::Linear
    );
    assert_eq!(
        with(vec![function("Last", &[("Identity", "a", "out")])]),
        Ending::Other
    );
    assert_eq!(
        with(vec![function("Other", &[("Softmax", "b", "out")])]),
        Ending::Other
    );
    assert_eq!(with(vec![vec![0xff]]), Ending::Other);
    // A function that calls itself ends all the same.
    let mut calls_itself =
        FunctionProto::decode(function("Last", &[("Last", "a b", "out")]).as_slice()).unwrap();
    calls_itself.node[0].domain = Some("local".to_owned());
    assert_eq!(with(vec![calls_itself.encode_to_vec()]), Ending::Other);
}
