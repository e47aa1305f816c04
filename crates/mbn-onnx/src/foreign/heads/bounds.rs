//! What nodes do to values by constants: bounds that leave probabilities what they are, and the factor that makes per cent.

use super::super::attributes::float;
use super::scope::Scope;
use crate::proto::NodeProto;

impl<'a> Scope<'a> {
    /// What a node takes between bounds that leave probabilities what they are.
    pub(super) fn within_bounds(&self, node: &'a NodeProto) -> Option<&'a str> {
        const ROUNDING: f64 = 1e-3;
        let is_least = |least: f64| least <= ROUNDING;
        let is_most = |most: f64| most >= 1.0 - ROUNDING;
        if node.op_type() != "Clip" {
            let taken = self.changing(node)?;
            let mut bounds = node.input.iter().filter(|input| *input != taken);
            let is_bound = |bound: f64| match node.op_type() {
                "Max" => is_least(bound),
                _ => is_most(bound),
            };
            return bounds
                .all(|bound| self.constants.number(bound).is_some_and(is_bound))
                .then_some(taken);
        }
        let bound = |index: usize, name: &str| match node.input.get(index).filter(|name| !name.is_empty()) {
            Some(bound) => self.constants.number(bound).map(Some),
            None => Some(float(node, name)),
        };
        let (least, most) = (bound(1, "min")?, bound(2, "max")?);
        let taken = node.input.first()?;
        (least.is_none_or(is_least) && most.is_none_or(is_most)).then_some(taken)
    }

    /// The value of which a node makes the hundredfold.
    pub(super) fn of_hundredfold(&self, node: &'a NodeProto) -> Option<&'a str> {
        let [a, b] = node.input.as_slice() else {
            return None;
        };
        let (taken, factor) = match (node.op_type(), self.constants.number(a), self.constants.number(b)) {
            ("Mul", None, Some(factor)) => (a, factor),
            ("Mul", Some(factor), None) => (b, factor),
            ("Div", None, Some(divisor)) => (a, 1.0 / divisor),
            _ => return None,
        };
        ((factor - 100.0).abs() < 1e-3).then_some(taken)
    }
}
