//! Weights in a checkpoint in a form that is not read: in an object, or deeper inside than a state dict is looked for.

use std::collections::HashSet;

use super::tensors::is_tensor;
use super::values::{Id, Value, Values, last};

/// A key whose weights are not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The key.
    pub key: &'static str,
    /// The object that it holds, as a message shows it; `None` if it holds tensors deeper inside.
    pub object: Option<String>,
}

/// What stands under the key of the checkpoint, if it may be weights and is no dictionary of tensors.
pub(super) fn of(values: &Values, entries: &[(Id, Id)], key: &'static str) -> Option<Unread> {
    let id = last(values, entries, key)?;
    let object = is_object(values, id).then(|| values.describe(id));
    (object.is_some() || has_weights(values, id)).then_some(Unread { key, object })
}

/// Whether a value is made as an object that may hold weights. NumPy makes its scalars, such as a decay, likewise.
fn is_object(values: &Values, id: Id) -> bool {
    let is_call = matches!(values.get(id), Value::Call(..));
    let module = values.call(id).map(|((module, _), _)| module);
    is_call && !is_tensor(values, id) && !module.is_some_and(|module| module.starts_with("numpy."))
}

/// Whether tensors of any number, or an object, are inside a container. Containers may share what they hold, and hold each other.
fn has_weights(values: &Values, container: Id) -> bool {
    let (mut seen, mut left) = (HashSet::new(), vec![container]);
    // The container itself is no tensor: a decay may be one.
    while let Some(id) = left.pop() {
        if !seen.insert(id) {
            continue;
        }
        match values.get(id) {
            Value::Tuple(items) => left.extend(items),
            Value::List(items) => left.extend(items),
            Value::Dict(entries) => left.extend(entries.iter().map(|(_, value)| *value)),
            _ if id != container && (is_tensor(values, id) || is_object(values, id)) => return true,
            _ => {}
        }
    }
    false
}
