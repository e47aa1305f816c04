//! Nodes that may take together the pictures of a batch: what they reduce or normalise may include the first axis, which is that of the
//! batch unless the graph moved it. Only a run can tell; such a node is a suspect.

use super::functions::is_onnx;
use super::live::{self, Frame};
use crate::Model;
use crate::proto::NodeProto;
use crate::structure::label;

/// First operator set in which each of these takes its axes as an input.
const SUM_INPUT: i64 = 13;
const REDUCE_INPUT: i64 = 18;
/// The axes of pixels, counted from the last.
const PIXELS: [i64; 2] = [-2, -1];

/// How likely a node includes the first axis. A later one is surer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// It counts an axis from the last, and the number of axes is not known.
    Perhaps,
    /// It names the first axis, takes all, or computes which.
    First,
}

/// The node that most likely takes together the pictures of a batch, such as `` `mean` (ReduceMean) ``: of several, the nearest to the
/// output. `None` if there is none on which the output depends, which does not say that the pictures are apart.
pub fn node_over_batch(model: &Model, output: &str) -> Option<String> {
    let mut found: Option<(Reach, String)> = None;
    live::visit(model, Some(output), &mut |node, frame| {
        let reach = is_onnx(node.domain()).then(|| reach(node, frame)).flatten();
        if let Some(reach) = reach
            && found.as_ref().is_none_or(|(other, _)| *other < reach)
        {
            found = Some((reach, format!("`{}` ({})", label(node), node.op_type())));
        }
    });
    found.map(|(_, node)| node)
}

/// Whether an output, or any of them, depends on integers whose scale is measured while the model runs, over the whole batch: a
/// picture's values then differ beside others.
pub fn is_scaled_by_batch(model: &Model, output: Option<&str>) -> bool {
    let mut found = false;
    live::visit(model, output, &mut |node, frame| {
        // ONNX Runtime fuses it into others of its own, such as `DynamicQuantizeMatMul`. Of weights, it depends on no batch.
        found |= node.op_type().starts_with("DynamicQuantize")
            && !node.input.first().is_some_and(|input| frame.is_constant(input));
    });
    found
}

/// Whether a model has both a `Pad` and pooling, which may follow it.
pub fn may_pool_padding(model: &Model) -> bool {
    let (mut pads, mut pools) = (false, false);
    live::visit(model, None, &mut |node, _| match node.op_type() {
        "Pad" => pads = true,
        "MaxPool" | "AveragePool" | "LpPool" => pools = true,
        _ => {}
    });
    pads && pools
}

fn reach(node: &NodeProto, frame: &Frame<'_>) -> Option<Reach> {
    let axis = || {
        let axis = frame.attribute(node, "axis")?;
        of_axes(&[axis.i()])
    };
    match node.op_type() {
        "ReduceSum" => of_reduction(node, frame, SUM_INPUT),
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean"
        | "ReduceMin" | "ReduceProd" | "ReduceSumSquare" => of_reduction(node, frame, REDUCE_INPUT),
        "Softmax" | "LogSoftmax" | "Hardmax" | "LpNormalization" => axis(),
        "CumSum" => of_input(node, frame, || None),
        "MeanVarianceNormalization" => match frame.attribute(node, "axes") {
            // By default it normalises each channel over the batch.
            None => Some(Reach::First),
            Some(axes) => of_axes(&axes.ints),
        },
        _ => None,
    }
}

/// A reduction names no axes if it reduces all.
fn of_reduction(node: &NodeProto, frame: &Frame<'_>, takes_input: i64) -> Option<Reach> {
    let all = || {
        let none = frame.attribute(node, "noop_with_empty_axes");
        none.is_none_or(|none| none.i() == 0).then_some(Reach::First)
    };
    if frame.opset >= takes_input {
        return of_input(node, frame, all);
    }
    match frame.attribute(node, "axes") {
        None => Some(Reach::First),
        Some(axes) => of_axes(&axes.ints),
    }
}

/// A node that takes its axes as the second input; `without` if they are not given.
fn of_input(node: &NodeProto, frame: &Frame<'_>, without: impl Fn() -> Option<Reach>) -> Option<Reach> {
    match node.input.get(1).filter(|name| !name.is_empty()) {
        None => without(),
        Some(name) => match frame.numbers(name) {
            None => Some(Reach::First),
            Some(axes) if axes.is_empty() => without(),
            Some(axes) => of_axes(&axes.iter().map(|&axis| axis as i64).collect::<Vec<_>>()),
        },
    }
}

fn of_axes(axes: &[i64]) -> Option<Reach> {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    match sorted.first()? {
        _ if axes.contains(&0) => Some(Reach::First),
        // The last axis is that of the classes or of a picture's columns.
        -1.. => None,
        _ if sorted == PIXELS => None,
        _ => Some(Reach::Perhaps),
    }
}

#[cfg(test)]
mod tests;
