//! The range of channels that a model normalises itself, as its first nodes show it.

use std::collections::{HashMap, HashSet};

use half::f16;

use crate::Model;
use crate::proto::{DataType, GraphProto, NodeProto, TensorProto};

/// Nodes that are followed from the input.
const MAX_STEPS: usize = 32;
/// How far a mean may be from 0 by rounding, as a fraction of the range.
const ROUNDING: f64 = 1e-3;

/// The range of channels that a model takes, since it normalises them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelRange {
    /// 0 to 255
    Bytes,
    /// 0 to 1
    Unit,
}

impl ChannelRange {
    /// The range that the first nodes after a model's only input normalise. `None` if they normalise nothing, or in no way that
    /// is known.
    pub fn of_model(model: &Model) -> Option<Self> {
        let graph = model.graph()?;
        let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
        let mut inputs = graph.input.iter().map(|input| input.name());
        let input = inputs.find(|input| !constants.contains(input))?;
        Affine::after(graph, input).range()
    }
}

/// What is done to red, green and blue: `scale * x + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Affine {
    scale: [f64; 3],
    offset: [f64; 3],
}

impl Affine {
    /// What the nodes after a value do to it, up to the first that does something else.
    fn after(graph: &GraphProto, input: &str) -> Self {
        let constants = constants(graph);
        let mut consumers: HashMap<&str, Vec<&NodeProto>> = HashMap::new();
        for node in graph.node.iter().filter(|node| node.op_type() != "Shape") {
            for input in &node.input {
                consumers.entry(input).or_default().push(node);
            }
        }
        let mut affine = Self {
            scale: [1.0; 3],
            offset: [0.0; 3],
        };
        let mut value = input;
        for _ in 0..MAX_STEPS {
            let Some([node]) = consumers.get(value).map(Vec::as_slice) else {
                break;
            };
            let (Some(next), Some(output)) = (affine.and(node, value, &constants), node.output.first())
            else {
                break;
            };
            (affine, value) = (next, output);
        }
        affine
    }

    /// With what a node does to `value` after it; `None` if that is something else.
    fn and(self, node: &NodeProto, value: &str, constants: &HashMap<&str, &TensorProto>) -> Option<Self> {
        if ["Cast", "Identity", "Transpose"].contains(&node.op_type()) {
            return Some(self);
        }
        let [a, b] = node.input.as_slice() else {
            return None;
        };
        let is_first = a == value;
        let other = channels(constants.get(if is_first { b.as_str() } else { a.as_str() })?)?;
        let Self { scale, offset } = self;
        let each = |of: &dyn Fn(usize) -> f64| std::array::from_fn(of);
        Some(match node.op_type() {
            "Add" => Self {
                scale,
                offset: each(&|c| offset[c] + other[c]),
            },
            "Sub" if is_first => Self {
                scale,
                offset: each(&|c| offset[c] - other[c]),
            },
            "Mul" => Self {
                scale: each(&|c| scale[c] * other[c]),
                offset: each(&|c| offset[c] * other[c]),
            },
            "Div" if is_first => Self {
                scale: each(&|c| scale[c] / other[c]),
                offset: each(&|c| offset[c] / other[c]),
            },
            _ => return None,
        })
    }

    fn range(&self) -> Option<ChannelRange> {
        let ranges = [0, 1, 2].map(|c| range(self.scale[c], self.offset[c]));
        let [first, second, third] = ranges;
        (first == second && second == third).then_some(first).flatten()
    }
}

/// The range of a channel of which `scale * x + offset` is taken.
fn range(scale: f64, offset: f64) -> Option<ChannelRange> {
    if !scale.is_finite() || !offset.is_finite() || scale <= 0.0 {
        return None;
    }
    let (mean, std) = (-offset / scale, 1.0 / scale);
    let is_zero = |mean: f64| mean.abs() < ROUNDING;
    // A mean of pictures, or the middle of the range.
    let is_middle = |mean: f64| (0.05..=0.95).contains(&mean);
    // From the standard deviation of pictures to that of channels that are only shifted or brought to [0, 1].
    let is_spread = |std: f64| (0.08..=1.05).contains(&std);
    let (mean_of_bytes, std_of_bytes) = (mean / 255.0, std / 255.0);
    let is_shifted = (std - 1.0).abs() < ROUNDING;
    if is_middle(mean_of_bytes) && (is_spread(std_of_bytes) || is_shifted) {
        return Some(ChannelRange::Bytes);
    }
    if is_zero(mean_of_bytes) && (0.49..=1.05).contains(&std_of_bytes) {
        return Some(ChannelRange::Bytes);
    }
    // Brought to bytes: the network normalises those.
    let is_widened = (255.0 * std - 1.0).abs() < 0.01;
    let is_unit = is_middle(mean) && is_spread(std) || is_widened && (is_zero(mean) || is_middle(mean));
    is_unit.then_some(ChannelRange::Unit)
}

/// The constants of a graph, by name: initializers, and those that nodes hold.
fn constants(graph: &GraphProto) -> HashMap<&str, &TensorProto> {
    let initializers = graph.initializer.iter().map(|tensor| (tensor.name(), tensor));
    let nodes = graph.node.iter().filter(|node| node.op_type() == "Constant");
    let of_nodes = nodes.filter_map(|node| {
        let value = node
            .attribute
            .iter()
            .find(|attribute| attribute.name() == "value")?;
        Some((node.output.first()?.as_str(), value.t.as_deref()?))
    });
    initializers.chain(of_nodes).collect()
}

/// A value for each channel, of a constant with one value or three.
fn channels(tensor: &TensorProto) -> Option<[f64; 3]> {
    // Three values along height or width are another thing, which no classifier does.
    let bytes = tensor.element_bytes()?;
    let values: Vec<f64> = match tensor.data_type() {
        DataType::Float => read(&bytes, |bytes| f32::from_le_bytes(bytes).into()),
        DataType::Double => read(&bytes, f64::from_le_bytes),
        DataType::Float16 => read(&bytes, |bytes| f16::from_le_bytes(bytes).into()),
        _ => return None,
    };
    match *values {
        [one] => Some([one; 3]),
        [red, green, blue] => Some([red, green, blue]),
        _ => None,
    }
}

fn read<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|bytes| value(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::GraphBuilder;
    use crate::proto::ModelProto;
    use crate::{Dim, Precision, TensorType};

    const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    const STD: [f32; 3] = [0.229, 0.224, 0.225];

    /// The range of a model whose first nodes are these operators by constants, and a convolution.
    fn found(nodes: &[(&str, &[f32])]) -> Option<ChannelRange> {
        let mut graph = GraphBuilder::new("test");
        let shape = [Dim::Fixed(1), 3.into(), 8.into(), 8.into()];
        graph.input("x0", &TensorType::new(DataType::Float, shape));
        for (i, (op, values)) in nodes.iter().enumerate() {
            let (from, to, name) = (format!("x{i}"), format!("x{}", i + 1), format!("c{i}"));
            let dims: &[usize] = if values.len() == 1 { &[] } else { &[1, 3, 1, 1] };
            match values {
                [] => graph.node(op, &to, [from.as_str()], &to, []),
                values => {
                    graph.initializer(&name, dims, values, Precision::Fp32);
                    // The order of a product says nothing.
                    let inputs = if *op == "Mul" {
                        [&name, &from]
                    } else {
                        [&from, &name]
                    };
                    graph.node(op, &to, inputs.map(String::as_str), &to, []);
                }
            }
        }
        let last = format!("x{}", nodes.len());
        graph.node("Conv", "y", [last.as_str(), "w"], "y", []);
        ChannelRange::of_model(&Model::from(ModelProto {
            graph: Some(graph.finish()),
            ..ModelProto::default()
        }))
    }

    #[test]
    fn the_first_nodes_show_the_range() {
        use ChannelRange::{Bytes, Unit};
        let bytes_of = |values: [f32; 3]| values.map(|value| 255.0 * value);
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
            (
                &[("Transpose", &[]), ("Div", &[127.5]), ("Add", &[-1.0])],
                Some(Bytes),
            ),
            (&[("Sub", &bytes_of(MEAN)), ("Div", &bytes_of(STD))], Some(Bytes)),
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
            // Of what was normalised otherwise, as torchvision's Inception takes it; and a scale that says nothing.
            (
                &[("Mul", &[0.458, 0.448, 0.45]), ("Add", &[-0.03, -0.088, -0.188])],
                None,
            ),
            (
                &[("Mul", &[0.5]), ("Add", &[0.5]), ("Sub", &MEAN), ("Div", &STD)],
                None,
            ),
            (&[("Mul", &[2.0])], None),
            (&[("Mul", &[-1.0 / 255.0])], None),
            (&[("Div", &[0.0])], None),
            // The channels do not agree.
            (&[("Div", &[255.0, 1.0, 255.0])], None),
            (&[("Relu", &[]), ("Div", &[255.0])], None),
        ] {
            assert_eq!(found(nodes), expected, "{nodes:?}");
        }
    }
}
