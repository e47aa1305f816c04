//! What may stand between softmax or sigmoid and the output.

use super::*;

/// A model whose last nodes take constants: `least` and `most`, which are given, `hundred`, `hundredth` and `two`.
fn heads_with(nodes: &[(&str, &str, &str)], [least, most]: [f32; 2]) -> Heads {
    let mut builder = GraphBuilder::new("constants");
    for (name, value) in [
        ("least", least),
        ("most", most),
        ("hundred", 100.0),
        ("hundredth", 0.01),
        ("two", 2.0),
    ] {
        builder.initializer(name, &[], &[value], crate::Precision::Fp32);
    }
    let mut graph = graph(nodes, &["out"]);
    graph.initializer = builder.finish().initializer;
    Heads::of(&Model::from(ModelProto {
        graph: Some(graph),
        ..ModelProto::default()
    }))
}

#[test]
fn bounds_that_leave_probabilities_what_they_are_are_passed() {
    let clipped = |made: &[(&str, &str, &str)], bounds: [f32; 2]| {
        ["Clip", "Max", "Min"].map(|op| {
            let inputs = match op {
                "Clip" => "p least most",
                "Max" => "least p",
                _ => "p most",
            };
            let nodes = [made, &[(op, inputs, "out")]].concat();
            heads_with(&nodes, bounds).ending("out")
        })
    };
    let keras = [1e-7, 1.0 - 1e-7];
    for (op, expected) in [("Softmax", Ending::Softmax), ("Sigmoid", Ending::Sigmoid)] {
        let made = [("Gemm", "x w", "z"), (op, "z", "p")];
        assert_eq!(clipped(&made, keras), [expected; 3]);
        assert_eq!(clipped(&made, [-1.0, 6.0]), [expected; 3]);
        assert_eq!(clipped(&made, [0.1, 0.9]), [Ending::Other; 3]);
    }
    // Logits that are cut to probabilities are none any more.
    assert_eq!(clipped(&[("Gemm", "x w", "p")], keras), [Ending::Other; 3]);
    assert_eq!(clipped(&[("LogSoftmax", "x", "p")], keras), [Ending::Other; 3]);
}

#[test]
fn parts_of_probabilities_and_several_of_them_are_probabilities() {
    for (op, expected) in [
        ("Softmax", Ending::Softmax),
        ("Sigmoid", Ending::Sigmoid),
        ("Neg", Ending::Other),
    ] {
        for last in [
            ("Slice", "p from to", "out"),
            ("Gather", "p order", "out"),
            ("Split", "p", "out"),
        ] {
            assert_eq!(
                ending(&[("Gemm", "x w", "z"), (op, "z", "p"), last]),
                expected,
                "{op} {last:?}"
            );
        }
        let two = [
            ("Gemm", "x w", "z"),
            (op, "z", "p"),
            ("Gemm", "x v", "y"),
            (op, "y", "q"),
        ];
        assert_eq!(
            ending(&[&two[..], &[("Concat", "p q", "out")]].concat()),
            expected,
            "{op}"
        );
        let three = [
            ("Sigmoid", "x", "s"),
            ("Concat", "p q", "r"),
            ("Concat", "r s", "out"),
        ];
        let is_alike = expected == Ending::Sigmoid;
        let expected = if is_alike { expected } else { Ending::Other };
        assert_eq!(ending(&[&two[..], &three].concat()), expected, "{op}");
    }
    // Logits may be chosen among those of other things.
    assert_eq!(
        ending(&[("Gemm", "x w", "z"), ("Slice", "z from to", "out")]),
        Ending::Other
    );
    // Softmax of a part, and a part of that.
    let nodes = [
        ("Gemm", "x w", "z"),
        ("Slice", "z from to", "y"),
        ("Softmax", "y", "p"),
        ("Clip", "p", "out"),
    ];
    assert_eq!(ending(&nodes), Ending::Softmax);
}

/// Two parts of the same probabilities are those of two questions.
#[test]
fn different_parts_are_not_one() {
    let nodes = [
        ("Gemm", "x w", "z"),
        ("Sigmoid", "z", "p"),
        ("Slice", "p a b", "one"),
        ("Slice", "p b c", "other"),
    ];
    let heads = heads(&nodes, &["one", "other"]);
    assert_eq!(
        (heads.ending("one"), heads.ending("other")),
        (Ending::Sigmoid, Ending::Sigmoid)
    );
    assert!(!heads.are_one("one", "other"));
}

#[test]
fn per_cent_are_told_by_their_factor() {
    for (op, expected) in [
        ("Softmax", Some(Ending::Softmax)),
        ("Sigmoid", Some(Ending::Sigmoid)),
        ("Relu", None),
    ] {
        for (last, is_hundred) in [
            (("Mul", "p hundred", "q"), true),
            (("Mul", "hundred p", "q"), true),
            (("Div", "p hundredth", "q"), true),
            (("Mul", "p two", "q"), false),
            (("Div", "hundredth p", "q"), false),
            (("Add", "p hundred", "q"), false),
        ] {
            let nodes = [("Gemm", "x w", "z"), (op, "z", "p"), last, ("Cast", "q", "out")];
            let heads = heads_with(&nodes, [0.0, 1.0]);
            assert_eq!(
                heads.per_cent("out"),
                expected.filter(|_| is_hundred),
                "{op} {last:?}"
            );
            assert_eq!(heads.ending("out"), Ending::Other, "{op} {last:?}");
        }
    }
}
