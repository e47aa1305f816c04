//! Nodes that may take together the pictures of a batch: what they reduce or normalise includes the first axis, which is that of the
//! batch unless the graph moved it. Only a run can tell.

use super::live::{self, Frame, is_onnx};
use crate::Model;
use crate::proto::NodeProto;
use crate::structure::label;

/// First operator set in which each of these takes its axes as an input.
const SUM_INPUT: i64 = 13;
const REDUCE_INPUT: i64 = 18;

/// The node nearest to an output that may take together the pictures of a batch, such as `` `mean` (ReduceMean) ``; `None` if there is none
/// on which the output depends.
pub fn node_over_batch(model: &Model, output: &str) -> Option<String> {
    let mut found = None;
    live::visit(model, Some(output), &mut |node, frame| {
        if found.is_none() && is_onnx(node.domain()) && takes_first_axis(node, frame) {
            found = Some(format!("`{}` ({})", label(node), node.op_type()));
        }
    });
    found
}

fn takes_first_axis(node: &NodeProto, frame: &Frame<'_>) -> bool {
    match node.op_type() {
        "ReduceSum" => reduces(node, frame, SUM_INPUT),
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean"
        | "ReduceMin" | "ReduceProd" | "ReduceSumSquare" => reduces(node, frame, REDUCE_INPUT),
        "Softmax" | "LogSoftmax" | "Hardmax" | "LpNormalization" => {
            let axis = frame.attribute(node, "axis");
            axis.is_some_and(|axis| axis.i() == 0)
        }
        "MeanVarianceNormalization" => {
            let axes = frame.attribute(node, "axes");
            axes.is_none_or(|axes| axes.ints.contains(&0))
        }
        _ => false,
    }
}

/// Whether a reduction may include the first axis: it says so, names no axes, or computes them.
fn reduces(node: &NodeProto, frame: &Frame<'_>, takes_input: i64) -> bool {
    let all = || {
        let none = frame.attribute(node, "noop_with_empty_axes");
        none.is_none_or(|none| none.i() == 0)
    };
    if frame.opset < takes_input {
        let axes = frame.attribute(node, "axes");
        return axes.is_none_or(|axes| axes.ints.contains(&0));
    }
    match node.input.get(1).filter(|name| !name.is_empty()) {
        None => all(),
        Some(name) => match frame.numbers(name) {
            None => true,
            Some(axes) if axes.is_empty() => all(),
            Some(axes) => axes.contains(&0.0),
        },
    }
}
