//! The layout of a graph's picture input, where its shape does not show it.

use std::collections::{HashMap, HashSet, VecDeque};

use super::inlined::Inlined;
use crate::Model;
use crate::proto::NodeProto;

/// Nodes that are followed from the input.
const MAX_STEPS: usize = 256;

/// The order of a picture's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[batch, 3, height, width]`, or 1 instead of 3.
    ChannelsFirst,
    /// `[batch, height, width, 3]`, or 1 instead of 3.
    ChannelsLast,
}

impl Layout {
    /// The layout that the first nodes after a model's first input take. `None` if they show none.
    pub fn of_model(model: &Model) -> Option<Self> {
        let graph = model.graph()?;
        let input = graph.given_inputs().next()?.name();
        Self::of_input(Inlined::of(model).nodes(), input)
    }

    fn of_input<'n>(nodes: impl IntoIterator<Item = &'n NodeProto>, input: &'n str) -> Option<Self> {
        let mut consumers: HashMap<&str, Vec<&NodeProto>> = HashMap::new();
        for node in nodes {
            for input in &node.input {
                consumers.entry(input).or_default().push(node);
            }
        }
        let (mut queue, mut seen) = (VecDeque::from([input]), HashSet::from([input]));
        for _ in 0..MAX_STEPS {
            for node in consumers.get(queue.pop_front()?).into_iter().flatten() {
                if let Some(found) = Self::shown_by(node) {
                    return Some(found);
                }
                let outputs = node.output.iter().map(String::as_str);
                if is_elementwise(node) {
                    queue.extend(outputs.filter(|output| seen.insert(output)));
                }
            }
        }
        None
    }

    fn shown_by(node: &NodeProto) -> Option<Self> {
        let perm = || node.attribute.iter().find(|attribute| attribute.name() == "perm");
        match node.op_type() {
            "Transpose" => match perm()?.ints.as_slice() {
                [0, 3, 1, 2] => Some(Self::ChannelsLast),
                [0, 2, 3, 1] => Some(Self::ChannelsFirst),
                _ => None,
            },
            // ONNX's convolutions have the channels first.
            "Conv" | "QLinearConv" | "ConvInteger" | "BatchNormalization" => Some(Self::ChannelsFirst),
            _ => None,
        }
    }
}

/// Whether a node's output has the layout of its input.
fn is_elementwise(node: &NodeProto) -> bool {
    [
        "Cast",
        "Identity",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Sum",
        "Max",
        "Min",
        "Neg",
        "Pow",
        "Round",
        "Floor",
        "CastLike",
        "Dropout",
        "Clip",
        "Pad",
        "QuantizeLinear",
        "DequantizeLinear",
        "QLinearAdd",
        "QLinearMul",
    ]
    .contains(&node.op_type())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{Attribute, GraphBuilder};

    fn layout(nodes: &[(&str, &[i64])]) -> Option<Layout> {
        let mut graph = GraphBuilder::new("test");
        for (i, (op, perm)) in nodes.iter().enumerate() {
            let attributes = [("perm", Attribute::Ints(perm.to_vec()))];
            let (from, to) = (format!("v{i}"), format!("v{}", i + 1));
            graph.node(op, op, [from.as_str()], &to, attributes);
        }
        Layout::of_input(&graph.finish().node, "v0")
    }

    #[test]
    fn the_first_nodes_show_the_layout() {
        let none: &[i64] = &[];
        let last = Some(Layout::ChannelsLast);
        assert_eq!(
            layout(&[("Cast", none), ("Sub", none), ("Transpose", &[0, 3, 1, 2])]),
            last
        );
        let first = Some(Layout::ChannelsFirst);
        assert_eq!(layout(&[("Conv", none), ("Transpose", &[0, 3, 1, 2])]), first);
        assert_eq!(layout(&[("Div", none), ("Transpose", &[0, 2, 3, 1])]), first);
        assert_eq!(layout(&[("Relu", none), ("Conv", none)]), None);
        assert_eq!(layout(&[]), None);
    }
}
