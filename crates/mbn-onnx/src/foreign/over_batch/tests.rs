use super::*;
use crate::foreign::test_models::{int, ints, model, node};
use crate::proto::AttributeProto;

#[test]
fn reductions_over_the_first_axis_are_told_from_others() {
    let found = |opset: i64, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>| {
        let nodes = vec![node(op, inputs, &["y"], attributes)];
        node_over_batch(&model(opset, nodes, &[]), "y")
    };
    let mean = Some("`y` (ReduceMean)".to_owned());
    for (opset, inputs, attributes, expected) in [
        (17, &["x"][..], vec![ints("axes", &[0, 2])], &mean),
        (17, &["x"], vec![ints("axes", &[2, 3])], &None),
        (17, &["x"], vec![], &mean),
        (18, &["x", "first"], vec![], &mean),
        (18, &["x", "second"], vec![], &None),
        (18, &["x"], vec![], &mean),
        (18, &["x"], vec![int("noop_with_empty_axes", 1)], &None),
        // Counted from the last: of two axes it is the first, of four those of pixels.
        (17, &["x"], vec![ints("axes", &[-2])], &mean),
        (17, &["x"], vec![ints("axes", &[-1])], &None),
        (17, &["x"], vec![ints("axes", &[-1, -2])], &None),
        (17, &["x"], vec![ints("axes", &[-4, -1])], &mean),
        (18, &["x", "before last"], vec![], &mean),
        (18, &["x", "last"], vec![], &None),
        // They are computed.
        (18, &["x", "x"], vec![], &mean),
    ] {
        assert_eq!(
            found(opset, "ReduceMean", inputs, attributes),
            *expected,
            "{opset} {inputs:?}"
        );
    }
    assert!(found(13, "ReduceSum", &["x", "second"], vec![]).is_none());
    assert!(found(13, "Softmax", &["x"], vec![int("axis", 0)]).is_some());
    assert!(found(13, "Softmax", &["x"], vec![int("axis", 1)]).is_none());
    assert!(found(13, "Softmax", &["x"], vec![]).is_none());
    assert!(found(13, "MeanVarianceNormalization", &["x"], vec![]).is_some());
    assert!(found(13, "Softmax", &["x"], vec![int("axis", -2)]).is_some());
    assert!(found(13, "Softmax", &["x"], vec![int("axis", -1)]).is_none());
    assert!(found(13, "CumSum", &["x", "first"], vec![]).is_some());
    assert!(found(13, "CumSum", &["x", "second"], vec![]).is_none());
}

/// The nearest to the output of those that are sure, before those that are not.
#[test]
fn the_surest_suspect_is_named() {
    let mean = |input: &str, output: &str, axis: i64| {
        node("ReduceMean", &[input], &[output], vec![ints("axes", &[axis])])
    };
    let found = |nodes| node_over_batch(&model(17, nodes, &[]), "y");
    let nodes = vec![mean("x", "a", 0), mean("a", "b", 0), mean("b", "y", -2)];
    assert_eq!(found(nodes).as_deref(), Some("`b` (ReduceMean)"));
    let nodes = vec![mean("x", "a", -2), mean("a", "b", -3), mean("b", "y", 1)];
    assert_eq!(found(nodes).as_deref(), Some("`b` (ReduceMean)"));
}

#[test]
fn padding_counts_where_something_pools() {
    let chain = |ops: &[&str]| {
        let names: Vec<String> = (0..=ops.len()).map(|i| format!("v{i}")).collect();
        let nodes = ops.iter().enumerate();
        let nodes = nodes.map(|(i, op)| {
            let (from, to) = (
                if i == 0 { "x" } else { &names[i] },
                if i + 1 == ops.len() { "y" } else { &names[i + 1] },
            );
            node(op, &[from], &[to], vec![])
        });
        may_pool_padding(&model(17, nodes.collect(), &[]))
    };
    assert!(chain(&["Conv", "Pad", "MaxPool", "Gemm"]));
    assert!(chain(&["Pad", "Identity", "AveragePool"]));
    assert!(!chain(&["Pad", "Conv", "GlobalAveragePool"]));
    assert!(!chain(&["Conv", "MaxPool"]));
}

#[test]
fn scales_that_are_measured_count_where_the_output_depends_on_them() {
    let quantize = |op: &str, input: &str| node(op, &[input], &["q", "scale", "zero"], vec![]);
    let found = |nodes| is_scaled_by_batch(&model(17, nodes, &[]), Some("y"));
    let cast = || node("Cast", &["q"], &["y"], vec![]);
    assert!(found(vec![quantize("DynamicQuantizeLinear", "x"), cast()]));
    assert!(!found(vec![quantize("QuantizeLinear", "x"), cast()]));
    let unread = node("Relu", &["x"], &["y"], vec![]);
    assert!(!found(vec![quantize("DynamicQuantizeLinear", "x"), unread]));
}
