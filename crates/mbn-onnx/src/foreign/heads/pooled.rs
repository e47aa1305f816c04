//! Outputs that are pooled features of a network, such as those of a model whose classifier was taken off.

use super::operators::{is_product, keeps_values};
use super::scope::{MAX_STEPS, Scope};

/// Nodes between a product and pooling behind it.
const MAX_BEFORE: usize = 4;

/// Operators that normalise each value by the others of its place, `Div` in its parts: the difference from the mean, divided by the
/// spread or the length.
const NORMALISING: [&str; 4] = [
    "LayerNormalization",
    "SimplifiedLayerNormalization",
    "RMSNormalization",
    "Div",
];

/// What pools the values of an output behind the last product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pooled {
    /// The operator, such as `GlobalAveragePool`.
    pub operator: String,
    /// It pools what a product makes, perhaps behind an activation. Such a product may be the classifier, as in SqueezeNet.
    pub is_of_product: bool,
}

/// What pools the values of an output, if nothing behind it makes classes of them.
pub(super) fn pooled(scope: &Scope<'_>, output: &str) -> Option<Pooled> {
    let mut value = output;
    // One of the values behind each other is taken, such as a transformer's token for the class.
    let mut is_taken = false;
    for _ in 0..MAX_STEPS {
        let node = scope.producer(value)?;
        let first = node.input.first().map(String::as_str);
        // A value that is divided by a constant is only scaled.
        let is_normalised = NORMALISING.contains(&node.op_type())
            && (node.op_type() != "Div" || scope.changing(node).is_none());
        if is_taken && is_normalised {
            return Some(Pooled {
                operator: node.op_type().to_owned(),
                is_of_product: false,
            });
        }
        value = match node.op_type() {
            "GlobalAveragePool" | "GlobalMaxPool" | "AveragePool" | "ReduceMean" => {
                let pools = first?;
                // The mean of values behind each other is that of several networks.
                let is_of_several = scope
                    .producer(pools)
                    .is_some_and(|node| ["Concat", "ConcatFromSequence"].contains(&node.op_type()));
                return (!is_of_several).then(|| Pooled {
                    operator: node.op_type().to_owned(),
                    is_of_product: is_of_product(scope, pools),
                });
            }
            "Gather" => {
                is_taken = true;
                first?
            }
            "Tile" | "BatchNormalization" | "LpNormalization" | "Sub" => first?,
            op if NORMALISING.contains(&op) => first?,
            "Add" | "Mul" => scope.changing(node)?,
            op if keeps_values(op) => first?,
            _ => return None,
        };
    }
    None
}

fn is_of_product(scope: &Scope<'_>, value: &str) -> bool {
    let mut value = value;
    for _ in 0..MAX_BEFORE {
        let Some(node) = scope.producer(value) else {
            return false;
        };
        let next = match node.op_type() {
            op if is_product(op) => return true,
            "Relu" | "Clip" | "LeakyRelu" => node.input.first().map(String::as_str),
            op if keeps_values(op) => node.input.first().map(String::as_str),
            "Add" => {
                let mut inputs = node.input.iter().map(String::as_str);
                return inputs.all(|input| {
                    scope
                        .producer(input)
                        .is_none_or(|node| is_product(node.op_type()))
                }) && scope.changing(node).is_some();
            }
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return false,
        }
    }
    false
}
