//! Outputs whose values are not in the order of the classes.

use super::super::functions::key_of_call;
use super::operators::{keeps_order, reorders};
use super::scope::{MAX_STEPS, Scope, Scopes};

/// What puts the values of an output in another order than that of the classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reordered {
    /// The operator, such as `TopK`.
    pub operator: String,
    /// The value that it takes, which may have the classes in their order.
    pub from: String,
}

/// Where following a value ends.
enum End {
    Reordered(Reordered),
    /// At the input of this index of the function.
    Input(usize),
    /// At something else.
    Other,
}

/// What puts the values of an output in an order of their own, if anything does.
pub(super) fn reordered(scope: &Scope<'_>, functions: &Scopes<'_>, output: &str) -> Option<Reordered> {
    match follow(scope, functions, output, &mut { MAX_STEPS }) {
        End::Reordered(reordered) => Some(reordered),
        End::Input(_) | End::Other => None,
    }
}

fn follow(scope: &Scope<'_>, functions: &Scopes<'_>, value: &str, steps: &mut usize) -> End {
    let mut value = value.to_owned();
    loop {
        let Some(&(node, index)) = scope.producers.get(value.as_str()) else {
            let input = scope.inputs.iter().position(|input| *input == value);
            return input.map_or(End::Other, End::Input);
        };
        if *steps == 0 {
            return End::Other;
        }
        *steps -= 1;
        if let Some(inside) = functions.0.get(&key_of_call(node)) {
            let output = inside.outputs.get(index).map_or("", String::as_str);
            match follow(inside, functions, output, steps) {
                End::Input(input) => match node.input.get(input) {
                    Some(input) => value.clone_from(input),
                    None => return End::Other,
                },
                // The name of a value inside means nothing to a user.
                End::Reordered(found) => {
                    let from = node.input.first().cloned().unwrap_or_default();
                    return End::Reordered(Reordered { from, ..found });
                }
                End::Other => return End::Other,
            }
            continue;
        }
        match node.op_type() {
            op if reorders(op) => {
                return End::Reordered(Reordered {
                    operator: op.to_owned(),
                    from: node.input.first().cloned().unwrap_or_default(),
                });
            }
            // Values in the order of the indexes.
            "Gather" | "GatherElements" | "GatherND" => {
                let [data, indices, ..] = node.input.as_slice() else {
                    return End::Other;
                };
                if let found @ End::Reordered(_) = follow(scope, functions, indices, steps) {
                    return found;
                }
                value.clone_from(data);
            }
            op if keeps_order(op) => match scope.changing(node) {
                Some(input) => value = input.to_owned(),
                None => return End::Other,
            },
            _ => return End::Other,
        }
    }
}
