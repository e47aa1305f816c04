use super::*;
use crate::foreign::functions::FunctionProto;
use crate::foreign::test_models::{float, int, model, names, node, subgraph};
use crate::proto::{AttributeProto, DataType, TensorProto, ValueInfoProto};

/// What is found in a model of these nodes, whose output is `y`.
fn effect_of(opset: i64, nodes: Vec<NodeProto>) -> Option<Effect> {
    TrainingMode::of(&model(opset, nodes, &[]), None).map(|found| found.effect)
}

#[test]
fn batch_norm_trains_as_each_opset_says_it() {
    let norm = |outputs: &[&str], attributes| node("BatchNormalization", &["x"], outputs, attributes);
    let trains = Some(Effect::BatchStatistics);
    for (opset, outputs, attributes, expected) in [
        (
            15,
            &["y", "mean", "var"][..],
            vec![int("training_mode", 1)],
            trains,
        ),
        (15, &["y"], vec![int("training_mode", 0)], None),
        (15, &["y"], vec![], None),
        (9, &["y", "mean", "var", "saved", "kept"], vec![], trains),
        (9, &["y", "", ""], vec![], None),
        (9, &["y"], vec![], None),
        (6, &["y"], vec![], trains),
        (6, &["y"], vec![int("is_test", 1)], None),
    ] {
        let found = effect_of(opset, vec![norm(outputs, attributes.clone())]);
        assert_eq!(found, expected, "{opset} {outputs:?} {attributes:?}");
    }
}

/// PyTorch's layers that standardise their weights, as its older exporter writes them.
#[test]
fn statistics_of_weights_are_none_of_the_batch() {
    let values = AttributeProto {
        name: Some("value_floats".to_owned()),
        floats: vec![1.0, 2.0],
        ..AttributeProto::default()
    };
    let weights = |from: &str| {
        vec![
            node("Constant", &[], &["w"], vec![values.clone()]),
            node("Reshape", &[from, "w"], &["row"], vec![]),
            node(
                "BatchNormalization",
                &["row", "w", "w", "w", "w"],
                &["normal", "mean", "var"],
                vec![int("training_mode", 1)],
            ),
            node("Conv", &["x", "normal"], &["y"], vec![]),
        ]
    };
    assert_eq!(effect_of(17, weights("w")), None);
    assert_eq!(effect_of(17, weights("x")), Some(Effect::BatchStatistics));
    let inside = |from: &str| {
        let function = FunctionProto {
            name: Some("Standardised".to_owned()),
            domain: Some("own".to_owned()),
            input: names(&["x", "given"]),
            output: names(&["y"]),
            node: weights("given"),
            ..FunctionProto::default()
        };
        let call = NodeProto {
            domain: Some("own".to_owned()),
            ..node("Standardised", &["x", from], &["y"], vec![])
        };
        let constant = node("Constant", &[], &["outer"], vec![values.clone()]);
        TrainingMode::of(&model(17, vec![constant, call], &[function]), None).map(|found| found.effect)
    };
    assert_eq!(inside("outer"), None);
    assert_eq!(inside("x"), Some(Effect::BatchStatistics));
    // Weights that are drawn at random are no constants.
    let drawn = vec![
        node("RandomNormal", &[], &["w"], vec![]),
        node(
            "BatchNormalization",
            &["w"],
            &["y"],
            vec![int("training_mode", 1)],
        ),
    ];
    assert!(effect_of(17, drawn).is_some());
}

#[test]
fn dropout_trains_as_each_opset_says_it() {
    let trains = Some(Effect::Dropout);
    for (opset, inputs, attributes, expected) in [
        (17, &["x", "half", "true"][..], vec![], trains),
        (17, &["x", "", "true"], vec![], trains),
        (17, &["x", "none", "true"], vec![], None),
        (17, &["x", "half", "false"], vec![], None),
        (17, &["x", "half"], vec![], None),
        // Nobody knows what the caller passes in.
        (17, &["x", "half", "x"], vec![], None),
        (10, &["x"], vec![], None),
        (6, &["x"], vec![], trains),
        (6, &["x"], vec![int("is_test", 1)], None),
    ] {
        let found = effect_of(opset, vec![node("Dropout", inputs, &["y"], attributes)]);
        assert_eq!(found, expected, "{opset} {inputs:?}");
    }
    // As PyTorch writes it.
    let value = AttributeProto {
        name: Some("value".to_owned()),
        t: Some(Box::new(TensorProto {
            data_type: Some(DataType::Bool as i32),
            int32_data: vec![1],
            ..TensorProto::default()
        })),
        ..AttributeProto::default()
    };
    let nodes = vec![
        node("Constant", &[], &["c"], vec![value]),
        node("Identity", &["c"], &["mode"], vec![]),
        node("Dropout", &["x", "half", "mode"], &["y"], vec![]),
    ];
    assert_eq!(effect_of(17, nodes), trains);
}

/// Random values count where an output depends on them, and not on their shape alone.
#[test]
fn only_what_reaches_the_output_counts() {
    let random = || node("RandomNormalLike", &["x"], &["noise"], vec![]);
    let sum = node("Add", &["x", "noise"], &["y"], vec![]);
    assert_eq!(effect_of(17, vec![random(), sum]), Some(Effect::Random));
    let unread = node("Relu", &["x"], &["y"], vec![]);
    assert_eq!(effect_of(17, vec![random(), unread.clone()]), None);
    let shape = node("Shape", &["noise"], &["shape"], vec![]);
    let reshape = node("Reshape", &["x", "shape"], &["y"], vec![]);
    assert_eq!(effect_of(17, vec![random(), shape, reshape]), None);
    // Another output does not count if one is asked for.
    let mut two = model(17, vec![random(), unread], &[]).proto().clone();
    let output = ValueInfoProto {
        name: Some("noise".to_owned()),
        ..ValueInfoProto::default()
    };
    two.graph.as_mut().unwrap().output.push(output);
    let two = Model::from(two);
    assert!(TrainingMode::of(&two, Some("y")).is_none());
    assert!(TrainingMode::of(&two, None).is_some());
    // An operator of another domain may do anything.
    let mut own = node("Bernoulli", &["x"], &["y"], vec![]);
    own.domain = Some("example".to_owned());
    assert_eq!(effect_of(17, vec![own]), None);
}

/// Of a distribution of one value nothing is drawn; but ONNX Runtime does not bear it of a normal one.
#[test]
fn random_values_without_a_spread_are_told_apart() {
    let (random, no_spread) = (Some(Effect::Random), Some(Effect::NoSpread));
    for (op, attributes, expected) in [
        ("RandomNormalLike", vec![float("scale", 0.0)], no_spread),
        ("RandomNormalLike", vec![float("scale", 0.1)], random),
        ("RandomNormalLike", vec![float("mean", 0.0)], random),
        (
            "RandomNormal",
            vec![float("mean", 3.0), float("scale", 0.0)],
            no_spread,
        ),
        ("RandomUniform", vec![float("low", 0.5), float("high", 0.5)], None),
        ("RandomUniformLike", vec![float("low", 1.0)], None),
        ("RandomUniformLike", vec![float("high", 0.0)], None),
        ("RandomUniformLike", vec![float("low", 0.5)], random),
        ("RandomUniformLike", vec![], random),
        ("Bernoulli", vec![float("scale", 0.0)], random),
    ] {
        let found = effect_of(17, vec![node(op, &["x"], &["y"], attributes.clone())]);
        assert_eq!(found, expected, "{op} {attributes:?}");
    }
}

#[test]
fn graphs_in_nodes_are_followed_and_what_they_take_from_outside() {
    let inner = |op: &str, input: &str| vec![node(op, &[input], &["r"], vec![])];
    let branch = |op: &str, input: &str| {
        let branches = ["then_branch", "else_branch"].map(|name| subgraph(name, inner(op, input), "r"));
        node("If", &["true"], &["y"], branches.to_vec())
    };
    assert_eq!(
        effect_of(17, vec![branch("Bernoulli", "x")]),
        Some(Effect::Random)
    );
    let random = node("RandomUniformLike", &["x"], &["noise"], vec![]);
    assert_eq!(
        effect_of(17, vec![random.clone(), branch("Relu", "noise")]),
        Some(Effect::Random)
    );
    assert_eq!(effect_of(17, vec![random, branch("Relu", "x")]), None);
    let drop = vec![node("Dropout", &["x", "half", "true"], &["r"], vec![])];
    let nodes = vec![node(
        "If",
        &["true"],
        &["y"],
        vec![subgraph("then_branch", drop, "r")],
    )];
    assert_eq!(effect_of(17, nodes), Some(Effect::Dropout));
}

/// A function's call says what its inputs and parameters are.
#[test]
fn functions_are_followed_at_each_call() {
    let by_parameter = AttributeProto {
        ref_attr_name: Some("trains".to_owned()),
        ..int("training_mode", 0)
    };
    let norm = node("BatchNormalization", &["a"], &["b"], vec![by_parameter]);
    let drop = node("Dropout", &["b", "half", "mode"], &["c"], vec![]);
    let half = AttributeProto {
        name: Some("value_float".to_owned()),
        f: Some(0.5),
        ..AttributeProto::default()
    };
    let function = FunctionProto {
        name: Some("Block".to_owned()),
        domain: Some("own".to_owned()),
        input: names(&["a", "mode"]),
        output: names(&["c"]),
        node: vec![node("Constant", &[], &["half"], vec![half]), norm, drop],
        attribute_proto: vec![int("trains", 0)],
        ..FunctionProto::default()
    };
    let call = |mode: &str, attributes| NodeProto {
        domain: Some("own".to_owned()),
        ..node("Block", &["x", mode], &["y"], attributes)
    };
    let found = |call: NodeProto| {
        let found = TrainingMode::of(&model(17, vec![call], std::slice::from_ref(&function)), None);
        found.map(|found| (found.effect, found.nodes))
    };
    assert_eq!(found(call("false", vec![])), None);
    assert_eq!(found(call("true", vec![])), Some((Effect::Dropout, 1)));
    assert_eq!(
        found(call("true", vec![int("trains", 1)])),
        Some((Effect::BatchStatistics, 2))
    );
}

/// A function that calls itself, twice, would be followed for ever.
#[test]
fn functions_without_end_are_left() {
    let call = |input: &str, output: &str| NodeProto {
        domain: Some("own".to_owned()),
        ..node("Again", &[input], &[output], vec![])
    };
    let function = FunctionProto {
        name: Some("Again".to_owned()),
        domain: Some("own".to_owned()),
        input: names(&["a"]),
        output: names(&["c"]),
        node: vec![call("a", "b"), call("b", "c")],
        ..FunctionProto::default()
    };
    assert!(TrainingMode::of(&model(17, vec![call("x", "y")], &[function]), None).is_none());
}

/// 100,000 calls of a function of 50,000 inputs, parameters and nodes: each is followed as long as that takes no time.
#[test]
fn time_does_not_grow_with_the_square_of_a_file() {
    let many: Vec<String> = (0..50_000).map(|i| format!("v{i}")).collect();
    let each = |op: &str| -> Vec<NodeProto> {
        let pairs = many.windows(2);
        pairs
            .map(|pair| node(op, &[&pair[0]], &[&pair[1]], vec![]))
            .collect()
    };
    let function = FunctionProto {
        name: Some("Large".to_owned()),
        domain: Some("own".to_owned()),
        input: many.clone(),
        output: names(&["none"]),
        node: each("Relu"),
        attribute_proto: many.iter().map(|name| int(name, 1)).collect(),
        ..FunctionProto::default()
    };
    let mut nodes = each("Large");
    for call in &mut nodes {
        call.domain = Some("own".to_owned());
    }
    nodes.push(node("Relu", &[many.last().unwrap()], &["y"], vec![]));
    let start = std::time::Instant::now();
    assert!(TrainingMode::of(&model(17, nodes, &[function]), None).is_none());
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn the_message_names_a_node_and_counts_the_others() {
    let norm = |input: &str, output: &str| {
        node(
            "BatchNormalization",
            &[input],
            &[output],
            vec![int("training_mode", 1)],
        )
    };
    let nodes = vec![
        norm("x", "a"),
        norm("a", "b"),
        node("Dropout", &["b", "", "true"], &["y"], vec![]),
    ];
    let found = TrainingMode::of(&model(17, nodes, &[]), None).unwrap();
    let message = found.to_string();
    assert!(
        message.starts_with("node `a` (BatchNormalization) normalises by the mean and variance of the batch"),
        "{message}"
    );
    assert!(
        message.ends_with("it is one of 3 nodes of this kind"),
        "{message}"
    );
    assert!(found.advice().contains("`model.eval()`"));
}
