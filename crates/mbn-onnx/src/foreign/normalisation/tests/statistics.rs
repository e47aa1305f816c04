//! Pictures that are normalised by their own values, or made grey, and layers that look like it.

use super::*;

/// The dimensions of rows and columns, or of all values of a picture.
const PLANES: [i64; 2] = [2, 3];
const PICTURE: [i64; 3] = [1, 2, 3];

/// A node on values that are named.
fn node(first: &mut First, op: &str, inputs: &[&str], output: &str) {
    first.graph.node(op, output, inputs.iter().copied(), output, []);
}

/// A statistic of `from`, over these dimensions that are an input or an attribute.
fn reduce(first: &mut First, op: &str, (from, output): (&str, &str), axes: &[i64], is_input: bool) {
    if is_input {
        let name = format!("{output}.axes");
        first.ints(&name, axes);
        node(first, op, &[from, &name], output);
    } else {
        let axes = Attribute::Ints(axes.to_vec());
        first.graph.node(op, output, [from], output, [("axes", axes)]);
    }
}

#[test]
fn a_picture_that_is_normalised_by_itself_is_told() {
    for is_input in [true, false] {
        for axes in [&PLANES[..], &PICTURE] {
            // (x - mean(x)) / std(x)
            let mut standard = First::new(false);
            reduce(&mut standard, "ReduceMean", ("x0", "mean"), axes, is_input);
            node(&mut standard, "Sub", &["x0", "mean"], "less");
            node(&mut standard, "Mul", &["less", "less"], "squares");
            reduce(
                &mut standard,
                "ReduceMean",
                ("squares", "variance"),
                axes,
                is_input,
            );
            node(&mut standard, "Sqrt", &["variance"], "std");
            node(&mut standard, "Div", &["less", "std"], "x1");
            standard.count = 1;
            assert_eq!(standard.unread(), Some(("Sub".into(), "less".into())), "{axes:?}");
            // x / max(x), and with a least divisor.
            for (op, divisor) in [("ReduceMax", "most"), ("ReduceL2", "bounded")] {
                let mut relative = First::new(false);
                reduce(&mut relative, op, ("x0", "most"), axes, is_input);
                relative.constant("least", &[], &[1e-6]);
                node(&mut relative, "Max", &["most", "least"], "bounded");
                relative.node("Div", &[divisor], &[]);
                assert_eq!(relative.unread(), Some(("Div".into(), "x1".into())), "{op}");
            }
        }
    }
    let mut pooled = First::new(false);
    node(&mut pooled, "GlobalAveragePool", &["x0"], "mean");
    pooled.node("Sub", &["mean"], &[]);
    assert_eq!(pooled.unread(), Some(("Sub".into(), "x1".into())));
}

#[test]
fn a_range_before_it_is_known_all_the_same() {
    let mut scaled = First::new(false);
    scaled.by("Div", &[255.0]);
    reduce(&mut scaled, "ReduceMean", ("x1", "mean"), &PICTURE, true);
    scaled.node("Sub", &["mean"], &[]);
    assert_eq!(scaled.range(), Some(Bytes));
}

#[test]
fn a_picture_that_is_made_grey_is_told() {
    for is_last in [false, true] {
        let mut mean = First::new(is_last);
        let axis = if is_last { -1 } else { 1 };
        reduce(&mut mean, "ReduceMean", ("x0", "x1"), &[axis], true);
        mean.count = 1;
        assert_eq!(
            mean.unread(),
            Some(("ReduceMean".into(), "x1".into())),
            "{is_last}"
        );
    }
    let luma = [0.299, 0.587, 0.114];
    let mut factors = First::new(false);
    factors.constant("luma", &[1, 3, 1, 1], &luma);
    factors.node("Conv", &["luma"], &[]);
    assert_eq!(factors.unread(), Some(("Conv".into(), "x1".into())));
    let mut product = First::new(true);
    product.constant("luma", &[3, 1], &luma);
    product.node("MatMul", &["luma"], &[]);
    assert_eq!(product.unread(), Some(("MatMul".into(), "x1".into())));
}

#[test]
fn layers_of_the_network_are_not_told() {
    // A mean of each channel for a classifier, and one of rows.
    for axes in [&PLANES[..], &[2]] {
        let mut head = First::new(false);
        reduce(&mut head, "ReduceMean", ("x0", "x1"), axes, true);
        head.count = 1;
        assert_eq!(head.unread(), None, "{axes:?}");
    }
    // Channels that layers weigh.
    let mut gated = First::new(false);
    node(&mut gated, "GlobalAveragePool", &["x0"], "mean");
    gated.constant("squeeze", &[3, 3, 1, 1], &[0.5; 9]);
    node(&mut gated, "Conv", &["mean", "squeeze"], "squeezed");
    node(&mut gated, "Sigmoid", &["squeezed"], "gate");
    gated.node("Mul", &["gate"], &[]);
    assert_eq!(gated.unread(), None);
}
