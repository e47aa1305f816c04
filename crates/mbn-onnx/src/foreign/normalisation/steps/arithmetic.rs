//! What computes with a picture's values and is no layer of a network.

use super::Step;
use crate::foreign::normalisation::channels::Place;

/// Operators that compute with each value.
const OF_VALUES: [&str; 17] = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Sum",
    "Pow",
    "Sqrt",
    "Exp",
    "Log",
    "Neg",
    "Abs",
    "Reciprocal",
    "Mod",
    "Max",
    "Min",
    "QLinearAdd",
    "QLinearMul",
];
/// What statistics are made of, besides those.
const OF_STATISTICS: [&str; 18] = [
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceSum",
    "ReduceSumSquare",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSumExp",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Cast",
    "CastLike",
    "Clip",
    "Expand",
    "Flatten",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
];

impl Step<'_, '_> {
    /// Whether it computes with each value of the picture, and with constants and the picture's own statistics alone, or makes the
    /// picture grey: it is no layer of the network, whatever it does.
    pub(in crate::foreign::normalisation) fn is_arithmetic(&self) -> bool {
        let of_values = OF_VALUES.contains(&self.node.op_type()) && self.takes_known();
        (of_values || self.is_grey()) && self.node.input.iter().any(|name| self.is_picture(name))
    }

    /// Whether it makes something of the picture, or of its statistics, that is a statistic: one number or a few.
    pub(in crate::foreign::normalisation) fn is_statistic(&self) -> bool {
        let op = self.node.op_type();
        (OF_VALUES.contains(&op) || OF_STATISTICS.contains(&op)) && self.takes_known()
    }

    fn is_picture(&self, name: &str) -> bool {
        self.states.contains_key(name)
    }

    fn takes_known(&self) -> bool {
        self.node.input.iter().all(|name| {
            name.is_empty()
                || self.is_picture(name)
                || self.statistics.contains(name.as_str())
                || self.constants.is_constant(name)
        })
    }

    /// Whether it makes one channel of three: by a mean or a sum of them, or by factors.
    fn is_grey(&self) -> bool {
        let Some(taken) = self.input(0).and_then(|name| self.states.get(name)) else {
            return false;
        };
        let has_weights =
            |dims: &[i64]| self.input(1).and_then(|name| self.constants.dims(name)) == Some(dims);
        let is_at = |axis: usize| [Place::Axis(axis), Place::Unknown].contains(&taken.place);
        match self.node.op_type() {
            _ if taken.len() != 3 => false,
            "Conv" => is_at(1) && has_weights(&[1, 3, 1, 1]),
            "MatMul" | "Gemm" => is_at(3) && has_weights(&[3, 1]),
            "ReduceMean" | "ReduceSum" => {
                let of = self.ints(1, "axes");
                of.is_some_and(|axes| match axes.as_slice() {
                    [axis] => {
                        [1, 3, -1, -3].contains(axis) && is_at(axis.rem_euclid(4).unsigned_abs() as usize)
                    }
                    _ => false,
                })
            }
            _ => false,
        }
    }
}
