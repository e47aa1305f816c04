mod computed;
mod quantised;
mod statistics;

use super::ChannelRange::{Bytes, Symmetric, Unit};
use super::*;
use crate::builder::{Attribute, GraphBuilder, ints};
use crate::proto::{DataType, ModelProto};
use crate::{Precision, TensorType};

const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Blue, green, red, from 0 to 255.
const CAFFE: [f32; 3] = [103.939, 116.779, 123.68];

fn of_bytes(values: [f32; 3]) -> [f32; 3] {
    values.map(|value| 255.0 * value)
}

fn reversed([first, second, third]: [f32; 3]) -> [f32; 3] {
    [third, second, first]
}

/// Builds the first nodes from `x0`, or any others, and says what they are followed by.
struct First {
    graph: GraphBuilder,
    /// Values so far.
    count: usize,
}

impl First {
    fn new(is_last: bool) -> Self {
        let mut graph = GraphBuilder::new("test");
        let sides = [Dim::Fixed(8), Dim::Fixed(8)];
        let [height, width] = sides;
        let shape = match is_last {
            true => [Dim::Fixed(1), height, width, 3.into()],
            false => [Dim::Fixed(1), 3.into(), height, width],
        };
        graph.input("x0", &TensorType::new(DataType::Float, shape));
        Self { graph, count: 0 }
    }

    fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        self.graph.initializer(name, dims, values, Precision::Fp32);
    }

    fn ints(&mut self, name: &str, values: &[i64]) {
        self.graph.constant(ints(name, values));
    }

    /// A node on the last value and other inputs.
    fn node(&mut self, op: &str, others: &[&str], attributes: &[(&'static str, Attribute)]) -> &mut Self {
        let (from, to) = (format!("x{}", self.count), format!("x{}", self.count + 1));
        let inputs = std::iter::once(from.as_str()).chain(others.iter().copied());
        self.graph.node(op, &to, inputs, &to, attributes.to_vec());
        self.count += 1;
        self
    }

    /// An operator by a constant with one value or three.
    fn by(&mut self, op: &str, values: &[f32]) -> &mut Self {
        let name = format!("c{}", self.count);
        let dims: &[usize] = if values.len() == 1 { &[] } else { &[1, 3, 1, 1] };
        self.constant(&name, dims, values);
        self.node(op, &[&name], &[])
    }

    /// The channels of this dimension in the other order.
    fn reverse(&mut self, axis: i64) -> &mut Self {
        for (name, value) in [
            ("start", -1),
            ("end", i64::from(i32::MIN)),
            ("axis", axis),
            ("step", -1),
        ] {
            self.ints(name, &[value]);
        }
        self.node("Slice", &["start", "end", "axis", "step"], &[])
    }

    fn batch_norm(&mut self, scale: [f32; 3], bias: [f32; 3], mean: [f32; 3], std: [f32; 3]) -> &mut Self {
        let variance = std.map(|std| std * std);
        for (name, values) in [("g", scale), ("b", bias), ("m", mean), ("v", variance)] {
            self.constant(name, &[3], &values);
        }
        self.node("BatchNormalization", &["g", "b", "m", "v"], &[])
    }

    /// What is found if a convolution of the network follows.
    fn found(&mut self) -> Option<Normalisation> {
        self.constant("w", &[8, 3, 3, 3], &[0.5; 216]);
        self.node("Conv", &["w"], &[]);
        Normalisation::of_model(&Model::from(ModelProto {
            graph: Some(std::mem::take(&mut self.graph).finish()),
            ..ModelProto::default()
        }))
        .ok()
    }

    /// What is not followed, if a convolution of the network follows.
    fn not_followed(mut self) -> Option<Unread> {
        self.constant("w", &[8, 3, 3, 3], &[0.5; 216]);
        self.node("Conv", &["w"], &[]);
        let found = Normalisation::of_model(&Model::from(ModelProto {
            graph: Some(self.graph.finish()),
            ..ModelProto::default()
        }));
        found.err().flatten()
    }

    /// The operator and the value at which following ends.
    fn unread(self) -> Option<(String, String)> {
        match self.not_followed()? {
            Unread::Operator { operator, output } => Some((operator, output)),
            Unread::Calibration { .. } => None,
        }
    }

    fn range(&mut self) -> Option<ChannelRange> {
        self.found().map(|found| found.range)
    }
}

/// What is found of operators by constants, or without.
fn of(nodes: &[(&str, &[f32])]) -> Option<Normalisation> {
    let mut first = First::new(false);
    for (op, values) in nodes {
        match values {
            [] => first.node(op, &[], &[]),
            values => first.by(op, values),
        };
    }
    first.found()
}

#[test]
fn the_first_nodes_show_the_range() {
    for (nodes, expected) in [
        (&[][..], None),
        (&[("Cast", &[][..])], None),
        // From 0 to 255.
        (
            &[("Mul", &[1.0 / 255.0]), ("Sub", &MEAN), ("Div", &STD)],
            Some(Bytes),
        ),
        (&[("Div", &[255.0])], Some(Bytes)),
        (&[("Mul", &[1.0 / 256.0])], Some(Bytes)),
        (&[("Mul", &[1.0 / 127.5]), ("Sub", &[1.0])], Some(Bytes)),
        (&[("Sub", &[127.5]), ("Div", &[127.5])], Some(Bytes)),
        (&[("Sub", &of_bytes(MEAN)), ("Div", &of_bytes(STD))], Some(Bytes)),
        (&[("Sub", &[123.68, 116.78, 103.94])], Some(Bytes)),
        (&[("Sub", &[127.0]), ("Mul", &[1.0 / 128.0])], Some(Bytes)),
        // From 0 to 1.
        (&[("Sub", &MEAN), ("Div", &STD)], Some(Unit)),
        (&[("Cast", &[]), ("Mul", &[2.0]), ("Sub", &[1.0])], Some(Unit)),
        (&[("Sub", &[0.5])], Some(Unit)),
        (&[("Mul", &[255.0])], Some(Unit)),
        (
            &[("Mul", &[255.0]), ("Sub", &[123.68, 116.78, 103.94])],
            Some(Unit),
        ),
        // From -1 to 1, brought to what the network or the nodes after it normalise.
        (&[("Add", &[1.0]), ("Mul", &[127.5])], Some(Symmetric)),
        (&[("Mul", &[127.5]), ("Add", &[127.5])], Some(Symmetric)),
        (&[("Add", &[1.0]), ("Div", &[2.0])], Some(Symmetric)),
        (
            &[("Mul", &[0.5]), ("Add", &[0.5]), ("Sub", &MEAN), ("Div", &STD)],
            Some(Symmetric),
        ),
        // Of what was normalised otherwise, as torchvision's Inception takes it; and a scale that says nothing.
        (
            &[("Mul", &[0.458, 0.448, 0.45]), ("Add", &[-0.03, -0.088, -0.188])],
            None,
        ),
        (
            &[("Mul", &STD), ("Add", &MEAN), ("Sub", &[0.5]), ("Div", &[0.5])],
            None,
        ),
        (&[("Mul", &[2.0])], None),
        (&[("Mul", &[0.5])], None),
        (&[("Mul", &[-1.0 / 255.0])], None),
        (&[("Div", &[0.0])], None),
        // The channels do not agree.
        (&[("Div", &[255.0, 1.0, 255.0])], None),
        (&[("Relu", &[]), ("Div", &[255.0])], None),
    ] {
        let found = of(nodes);
        assert_eq!(found.map(|found| found.range), expected, "{nodes:?}");
        assert!(!found.is_some_and(|found| found.is_blue_first), "{nodes:?}");
    }
    let mut last = First::new(true);
    let perm = ("perm", Attribute::Ints(vec![0, 3, 1, 2]));
    last.node("Transpose", &[], &[perm])
        .by("Div", &[127.5])
        .by("Add", &[-1.0]);
    assert_eq!(last.range(), Some(Bytes));
}

/// Keras' ResNet and VGG turn the channels and subtract a mean with blue first: they take red first.
#[test]
fn turned_channels_are_followed() {
    for (is_last, axis) in [(false, 1), (true, 3), (true, -1)] {
        let found = First::new(is_last).reverse(axis).by("Sub", &CAFFE).found();
        let expected = Normalisation {
            range: Bytes,
            is_blue_first: false,
        };
        assert_eq!(found, Some(expected), "{is_last} {axis}");
        let mut gather = First::new(is_last);
        gather.ints("order", &[2, 1, 0]);
        let of_axis = [("axis", Attribute::Int(axis))];
        let found = gather
            .node("Gather", &["order"], &of_axis)
            .by("Sub", &CAFFE)
            .found();
        assert_eq!(found, Some(expected), "{is_last} {axis}");
    }
    // As PyTorch writes an index by a list.
    let mut brought = First::new(false);
    brought.graph.constant(crate::proto::TensorProto {
        dims: vec![3, 1],
        ..ints("order", &[2, 1, 0])
    });
    let perm = [("perm", Attribute::Ints(vec![1, 0, 2, 3]))];
    brought
        .node("Transpose", &[], &perm)
        .node("GatherND", &["order"], &[])
        .node("Transpose", &[], &perm);
    assert_eq!(brought.by("Sub", &CAFFE).range(), Some(Bytes));
    // Red first behind the turn is blue first before it.
    let found = First::new(false).reverse(1).by("Sub", &reversed(CAFFE)).found();
    assert!(found.unwrap().is_blue_first);
}

#[test]
fn a_mean_with_blue_first_is_told() {
    for (nodes, expected) in [
        (&[("Sub", &CAFFE[..])][..], Some((Bytes, true))),
        (&[("Sub", &[104.0, 117.0, 123.0])], Some((Bytes, true))),
        (
            &[
                ("Sub", &reversed(of_bytes(MEAN))),
                ("Div", &reversed(of_bytes(STD))),
            ],
            Some((Bytes, true)),
        ),
        (
            &[("Sub", &reversed(MEAN)), ("Div", &reversed(STD))],
            Some((Unit, true)),
        ),
        (
            &[("Add", &[1.0]), ("Mul", &[127.5]), ("Sub", &CAFFE)],
            Some((Symmetric, true)),
        ),
        // The mean of other data says nothing of the order.
        (&[("Sub", &[110.0, 120.0, 125.0])], Some((Bytes, false))),
    ] {
        let found = of(nodes).map(|found| (found.range, found.is_blue_first));
        assert_eq!(found, expected, "{nodes:?}");
    }
}

#[test]
fn pixels_may_be_cut_and_moved_before() {
    let clipped = |least: f32, most: f32| {
        let mut first = First::new(false);
        first.constant("least", &[], &[least]);
        first.constant("most", &[], &[most]);
        first.node("Clip", &["least", "most"], &[]);
        first
    };
    assert_eq!(clipped(0.0, 255.0).by("Div", &[255.0]).range(), Some(Bytes));
    // The bounds alone say as much, unless they are those of an activation.
    assert_eq!(clipped(0.0, 255.0).range(), Some(Bytes));
    assert_eq!(clipped(0.0, 1.0).range(), Some(Unit));
    assert_eq!(clipped(-1.0, 1.0).range(), Some(Symmetric));
    assert_eq!(clipped(0.0, 6.0).by("Div", &[255.0]).range(), None);
    let padded = |pads: &[i64]| {
        let mut first = First::new(false);
        first.ints("pads", pads);
        first
            .node("Pad", &["pads"], &[])
            .by("Mul", &[1.0 / 127.5])
            .by("Add", &[-1.0]);
        for (name, values) in [("from", [0, 0]), ("to", [8, 8]), ("axes", [2, 3])] {
            first.ints(name, &values);
        }
        first.node("Slice", &["from", "to", "axes"], &[]).range()
    };
    assert_eq!(padded(&[0, 0, 0, 0, 0, 0, 1, 1]), Some(Bytes));
    // A fourth channel.
    assert_eq!(padded(&[0, 0, 0, 0, 0, 1, 0, 0]), None);
}

/// Each channel is taken out, normalised and put back.
#[test]
fn channels_are_followed_by_themselves() {
    let normalised = |std: [f32; 3], op: &str| {
        let mut first = First::new(false);
        let axis = [("axis", Attribute::Int(1))];
        for (c, std) in (0..3).zip(std) {
            let name = |part: &str| format!("{part}{c}");
            first.constant(&name("mean"), &[], &[MEAN[c]]);
            first.constant(&name("std"), &[], &[std]);
            first.ints(&name("index"), &[c as i64]);
            let (part, shifted, scaled) = (name("part"), name("shifted"), name("scaled"));
            let graph = &mut first.graph;
            graph.node("Gather", &part, ["x0", &name("index")], &part, axis.clone());
            graph.node(op, &shifted, [part.as_str(), &name("mean")], &shifted, []);
            graph.node("Div", &scaled, [shifted.as_str(), &name("std")], &scaled, []);
        }
        first
            .graph
            .node("Concat", "x1", ["scaled0", "scaled1", "scaled2"], "x1", axis);
        first.count = 1;
        first.range()
    };
    assert_eq!(normalised(STD, "Sub"), Some(Unit));
    assert_eq!(normalised(STD, "Pow"), None);
    let mut split = First::new(false);
    split.node("Split", &[], &[("axis", Attribute::Int(1))]);
    let mut graph = std::mem::take(&mut split.graph).finish();
    graph.node[0].output = ["r", "g", "b"].map(str::to_owned).to_vec();
    let mut rest = GraphBuilder::new("rest");
    for (c, (name, mean)) in ["r", "g", "b"].into_iter().zip(of_bytes(MEAN)).enumerate() {
        let (constant, to) = (format!("mean{c}"), format!("shifted{c}"));
        rest.initializer(&constant, &[], &[mean], Precision::Fp32);
        rest.node("Sub", &to, [name, &constant], &to, []);
    }
    let joined = ["shifted2", "shifted1", "shifted0"];
    rest.node("Concat", "x1", joined, "x1", [("axis", Attribute::Int(1))]);
    rest.node("Conv", "y", ["x1", "w"], "y", []);
    let rest = rest.finish();
    graph.node.extend(rest.node);
    graph.initializer.extend(rest.initializer);
    let model = Model::from(ModelProto {
        graph: Some(graph),
        ..ModelProto::default()
    });
    let expected = Normalisation {
        range: Bytes,
        is_blue_first: false,
    };
    assert_eq!(Normalisation::of_model(&model), Ok(expected));
}

#[test]
fn layers_that_only_normalise_are_told_from_those_of_the_network() {
    let (ones, zeros) = ([1.0; 3], [0.0; 3]);
    let batch_norm = |scale, bias, mean, std| First::new(false).batch_norm(scale, bias, mean, std).range();
    assert_eq!(
        batch_norm(ones, zeros, of_bytes(MEAN), of_bytes(STD)),
        Some(Bytes)
    );
    assert_eq!(batch_norm(ones, zeros, MEAN, STD), Some(Unit));
    let offset = [0, 1, 2].map(|c| -MEAN[c] / STD[c]);
    assert_eq!(
        batch_norm(STD.map(|std| 1.0 / std), offset, zeros, ones),
        Some(Unit)
    );
    // What training leaves: statistics of normalised pictures, and factors besides.
    let learned = [0.1, 0.06, 0.2];
    assert_eq!(batch_norm(ones, zeros, learned, [1.02, 0.97, 1.04]), None);
    let factors = [1.3, 0.7, 1.1];
    assert_eq!(batch_norm(factors, [0.2, -0.1, 0.3], MEAN, STD), None);
    // Statistics that bytes alone have tell the range whatever was learned besides, also of channels that are shifted before.
    for std in [of_bytes(STD), [12.0, 9.0, 14.0]] {
        assert_eq!(batch_norm(factors, learned, of_bytes(MEAN), std), Some(Bytes));
        assert_eq!(batch_norm(factors, learned, [3.0, -6.0, 8.0], std), None);
        let mut shifted = First::new(false);
        shifted
            .by("Add", &[-127.5])
            .batch_norm(factors, learned, [3.0, -6.0, 8.0], std);
        assert_eq!(shifted.range(), Some(Bytes));
    }
    let blue_first = First::new(false)
        .batch_norm(factors, learned, CAFFE, of_bytes(STD))
        .found();
    assert!(blue_first.unwrap().is_blue_first);
    // Pixels that were normalised before it stay so.
    let mut both = First::new(false);
    both.by("Div", &[255.0])
        .batch_norm([1.3, 0.7, 1.1], learned, MEAN, STD);
    assert_eq!(both.range(), Some(Bytes));

    let conv = |dims: &[usize], weights: &[f32], bias: &[f32], groups: i64| {
        let mut first = First::new(false);
        first.constant("k", dims, weights);
        first.constant("bias", &[3], bias);
        let group = [("group", Attribute::Int(groups))];
        first.node("Conv", &["k", "bias"], &group).found()
    };
    let diagonal = |values: [f32; 3]| {
        let mut matrix = [0.0; 9];
        (0..3).for_each(|c| matrix[4 * c] = values[c]);
        matrix
    };
    let scale = STD.map(|std| 1.0 / (255.0 * std));
    let range = |found: Option<Normalisation>| found.map(|found| found.range);
    assert_eq!(
        range(conv(&[3, 3, 1, 1], &diagonal(scale), &offset, 1)),
        Some(Bytes)
    );
    assert_eq!(range(conv(&[3, 1, 1, 1], &scale, &offset, 3)), Some(Bytes));
    let halves = [1.0 / 127.5; 3];
    assert_eq!(range(conv(&[3, 1, 1, 1], &halves, &[-1.0; 3], 3)), Some(Bytes));
    // Turned by the convolution, with the mean of blue first.
    let mut turned = diagonal(ones);
    turned.swap(0, 2);
    turned.swap(6, 8);
    let found = conv(&[3, 3, 1, 1], &turned, &CAFFE.map(|mean| -mean), 1).unwrap();
    assert_eq!((found.range, found.is_blue_first), (Bytes, false));
    // Weights of the network.
    let mut dense = diagonal(scale);
    dense[1] = 1e-4;
    assert_eq!(conv(&[3, 3, 1, 1], &dense, &offset, 1), None);
    assert_eq!(
        conv(&[3, 1, 1, 1], &[1.2, 0.9, 1.1], &[-0.1, -0.2, -0.3], 3),
        None
    );
}

/// The network takes the picture in two ways, or only a part of it.
#[test]
fn of_several_ways_what_they_share_counts() {
    let two = |first: f32, second: f32| {
        let mut graph = First::new(false);
        graph.by("Div", &[255.0]);
        graph.constant("one", &[], &[first]);
        graph.constant("other", &[], &[second]);
        for name in ["one", "other"] {
            graph
                .graph
                .node("Mul", name, ["x1", name], &format!("{name}.x"), []);
            let [from, to] = [format!("{name}.x"), format!("{name}.y")];
            graph.graph.node("Conv", &to, [from.as_str(), "w"], &to, []);
        }
        let graph = graph.graph.finish();
        Normalisation::of_model(&Model::from(ModelProto {
            graph: Some(graph),
            ..ModelProto::default()
        }))
        .ok()
    };
    for (first, second) in [(1.0, 1.0), (1.0, 3.0), (100.0, 3.0)] {
        assert_eq!(two(first, second).map(|found| found.range), Some(Bytes));
    }
    let mut red = First::new(false);
    red.ints("red", &[0]);
    red.node("Gather", &["red"], &[("axis", Attribute::Int(1))]);
    assert_eq!(red.by("Div", &[255.0]).found(), None);
}
