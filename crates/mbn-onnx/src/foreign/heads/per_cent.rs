//! Outputs that are probabilities in per cent.

use super::Ending;
use super::operators::keeps_values;
use super::scope::{Found, MAX_STEPS, Scope, Scopes};

/// Nodes between the output and the factor that makes per cent.
const MAX_BEHIND: usize = 16;

/// What makes the probabilities whose hundredfold an output is: softmax or sigmoid.
pub(super) fn per_cent(scope: &Scope<'_>, functions: &Scopes<'_>, output: &str) -> Option<Ending> {
    let mut value = output;
    for _ in 0..MAX_BEHIND {
        let node = scope.producer(value)?;
        if let Some(probabilities) = scope.of_hundredfold(node) {
            return match scope.follow(functions, probabilities, &mut { MAX_STEPS }, &mut |_| {}) {
                Found::Ending(ending @ (Ending::Softmax | Ending::Sigmoid)) => Some(ending),
                _ => None,
            };
        }
        match keeps_values(node.op_type()) {
            true => value = node.input.first()?,
            false => return None,
        }
    }
    None
}
