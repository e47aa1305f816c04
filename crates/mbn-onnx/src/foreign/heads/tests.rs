mod probabilities;

use super::*;
use crate::builder::GraphBuilder;
use crate::foreign::functions::FunctionProto;
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

/// Logits and a multiple of them, before and behind softmax.
#[test]
fn a_multiple_is_of_the_same_head() {
    let nodes = [
        ("Gemm", "x w", "logits"),
        ("Div", "logits temperature", "cooler"),
        ("Softmax", "cooler", "probabilities"),
        ("Mul", "hundred probabilities", "percent"),
    ];
    let heads = heads(&nodes, &["logits", "probabilities", "percent"]);
    assert!(heads.are_one("logits", "probabilities") && heads.are_one("percent", "probabilities"));
    assert_eq!(heads.ending("probabilities"), Ending::Softmax);
    assert_eq!(heads.ending("percent"), Ending::Other);
}

#[test]
fn a_product_makes_one_output_of_another() {
    let nodes = [
        ("Gemm", "x w", "embedding"),
        ("Relu", "embedding", "hidden"),
        ("Gemm", "hidden v", "scores"),
        ("Slice", "scores from to", "some"),
        ("Sigmoid", "some", "boxes"),
    ];
    let heads = heads(&nodes, &["embedding", "scores", "boxes"]);
    for (one, other, expected) in [
        ("scores", "embedding", true),
        ("boxes", "embedding", true),
        // Some of the scores themselves.
        ("boxes", "scores", false),
        ("embedding", "scores", false),
        ("scores", "scores", false),
    ] {
        assert_eq!(heads.is_made_of(one, other), expected, "{one} {other}");
    }
}

#[test]
fn sorted_values_are_of_the_same_head() {
    let nodes = [
        ("Gemm", "x w", "logits"),
        ("Softmax", "logits", "probabilities"),
        ("TopK", "probabilities k", "sorted"),
        ("Gemm", "x v", "other"),
    ];
    let heads = heads(&nodes, &["logits", "probabilities", "sorted", "other"]);
    assert!(heads.are_one("logits", "sorted") && heads.are_one("sorted", "probabilities"));
    assert!(!heads.are_one("other", "sorted"));
    assert_eq!(heads.ending("sorted"), Ending::Other);
}

#[test]
fn outputs_in_an_order_of_their_own_are_found() {
    let gemm = ("Gemm", "x w", "y");
    for (nodes, expected) in [
        (&[gemm, ("TopK", "y k", "out")][..], Some(("TopK", "y"))),
        (
            &[
                ("TopK", "x k", "a"),
                ("Softmax", "a", "b"),
                ("Mul", "hundred b", "c"),
                ("Squeeze", "c", "d"),
                ("Slice", "d from to", "e"),
                ("Cast", "e", "f"),
                ("Reshape", "f shape", "out"),
            ],
            Some(("TopK", "x")),
        ),
        (
            &[("ArgMax", "y", "a"), ("Cast", "a", "out")],
            Some(("ArgMax", "y")),
        ),
        // The probabilities at the places of the largest logits.
        (
            &[
                gemm,
                ("Softmax", "y", "p"),
                ("TopK", "y k", "places"),
                ("GatherElements", "p places", "out"),
            ],
            Some(("TopK", "y")),
        ),
        (
            &[("TopK", "y k", "a"), ("Gather", "a first", "out")],
            Some(("TopK", "y")),
        ),
        // In the network, not at its end: the largest of a map, and experts that are put back in their places.
        (&[("TopK", "x k", "a"), ("ReduceMean", "a axes", "out")], None),
        (&[("TopK", "x k", "a"), ("Gemm", "a w", "out")], None),
        (
            &[("TopK", "x k", "a"), ("ScatterElements", "zeros places a", "out")],
            None,
        ),
        (
            &[
                ("TopK", "x k", "a"),
                ("Sigmoid", "a", "gate"),
                ("Identity", "x", "y"),
                ("Mul", "gate y", "out"),
            ],
            None,
        ),
        (&[gemm, ("Gather", "y remap", "out")], None),
        (&[("Identity", "out", "out")], None),
    ] {
        let heads = heads(nodes, &["out"]);
        let found = heads.reordered("out");
        let found = found.map(|found| (found.operator.as_str(), found.from.as_str()));
        assert_eq!(found, expected, "{nodes:?}");
    }
}

#[test]
fn pooled_features_are_found() {
    let pool = ("GlobalAveragePool", "a", "p");
    let activated = |name| {
        [
            ("Conv", "x w", "c"),
            (name, "c", "a"),
            pool,
            ("Flatten", "p", "out"),
        ]
    };
    for (nodes, expected) in [
        (&activated("BatchNormalization")[..], Some(false)),
        // Either the classifier of a network without a product behind pooling, or not.
        (&activated("Relu"), Some(true)),
        (
            &[
                ("Add", "x y", "a"),
                ("ReduceMean", "a axes", "p"),
                ("LayerNormalization", "p w b", "out"),
            ],
            Some(false),
        ),
        // A transformer's token for the class, with its normalisation whole and in parts.
        (
            &[
                ("Add", "x y", "a"),
                ("LayerNormalization", "a w b", "n"),
                ("Gather", "n first", "out"),
            ],
            Some(false),
        ),
        (
            &[
                ("Div", "x spread", "d"),
                ("Mul", "d w", "m"),
                ("Add", "m b", "n"),
                ("Gather", "n first", "g"),
                ("Identity", "g", "out"),
            ],
            Some(false),
        ),
        (
            &[
                ("MatMul", "x v", "m"),
                ("Div", "m w", "d"),
                ("Gather", "d first", "out"),
            ],
            None,
        ),
        // The classes of one of several tokens.
        (
            &[
                ("LayerNormalization", "x w b", "n"),
                ("MatMul", "n v", "m"),
                ("Add", "m b", "c"),
                ("Gather", "c first", "out"),
            ],
            None,
        ),
        // Brought to a length of 1.
        (
            &[
                ("Relu", "x", "a"),
                pool,
                ("Flatten", "p", "f"),
                ("ReduceL2", "f axes", "length"),
                ("Div", "f length", "out"),
            ],
            Some(false),
        ),
        (&[("Relu", "x", "a"), pool, ("Gemm", "p w", "out")], None),
        (
            &[
                ("Relu", "x", "a"),
                pool,
                ("MatMul", "p w", "m"),
                ("Add", "m b", "out"),
            ],
            None,
        ),
        // The mean of two networks.
        (
            &[
                ("Gemm", "x w", "y"),
                ("Gemm", "x v", "z"),
                ("Concat", "y z", "both"),
                ("ReduceMean", "both axes", "out"),
            ],
            None,
        ),
        (&[("Identity", "out", "out")], None),
    ] {
        let heads = heads(nodes, &["out"]);
        let found = heads.pooled("out").map(|found| found.is_of_product);
        assert_eq!(found, expected, "{nodes:?}");
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
            ..FunctionProto::default()
        };
        function.encode_to_vec()
    };
    let of = |functions: Vec<Vec<u8>>| {
        let nodes = [("Gemm", "x w", "y"), ("Last", "z y", "out")];
        let mut graph = graph(&nodes, &["out"]);
        graph.node[1].domain = Some("local".to_owned());
        let model = ModelProto {
            graph: Some(graph),
            functions,
            ..ModelProto::default()
        };
        Heads::of(&Model::from(model))
    };
    let with = |functions| of(functions).ending("out");
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
    let sorted = |nodes: &[(&str, &str, &str)]| {
        let heads = of(vec![function("Last", nodes)]);
        heads.reordered("out").cloned()
    };
    let expected = Reordered {
        operator: "TopK".to_owned(),
        from: "z".to_owned(),
    };
    assert_eq!(
        sorted(&[("TopK", "b k", "c"), ("Identity", "c", "out")]),
        Some(expected)
    );
    assert_eq!(sorted(&[("Identity", "b", "out")]), None);
    // A function that calls itself ends all the same.
    let mut calls_itself =
        FunctionProto::decode(function("Last", &[("Last", "a b", "out")]).as_slice()).unwrap();
    calls_itself.node[0].domain = Some("local".to_owned());
    assert_eq!(with(vec![calls_itself.encode_to_vec()]), Ending::Other);
}
