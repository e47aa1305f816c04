//! The arguments of the training script, which timm's and others keep beside the weights.

use serde_json::{Map, Number, Value as Json};

use super::MAX_NAME_BYTES;
use super::values::{Id, Value, Values, last};

/// The checkpoint's key.
const KEY: &str = "args";
/// The class that Python's parser of command lines makes its result of.
const NAMESPACE: (&str, &str) = ("argparse", "Namespace");
/// The most arguments that are read: timm's script has fewer than 200.
const MAX_ARGUMENTS: usize = 1024;
/// The most items of a list, or entries of a dictionary, that is an argument: as many as the options of a network.
const MAX_ITEMS: usize = 64;

/// The arguments in a checkpoint: plain values, and lists and dictionaries of them. Of anything else, and of what is longer than
/// any argument that matters, there is a description in words, which no reader takes for a value.
pub(super) fn read(values: &Values, root: Id) -> Map<String, Json> {
    let arguments = entries(values, root)
        .and_then(|entries| last(values, entries, KEY))
        .and_then(|arguments| entries_of_arguments(values, arguments));
    let (arguments, mut read) = (arguments.unwrap_or_default(), Map::new());
    for (key, value) in arguments.iter().take(MAX_ARGUMENTS) {
        if let Some(key) = name(values, *key) {
            read.insert(key.to_owned(), argument(values, *value));
        }
    }
    read
}

fn entries_of_arguments<'v>(values: &'v Values, arguments: Id) -> Option<&'v [(Id, Id)]> {
    match values.call(arguments) {
        Some((NAMESPACE, _)) => entries(values, values.state(arguments)?),
        Some(_) => None,
        None => entries(values, arguments),
    }
}

fn entries<'v>(values: &'v Values, dict: Id) -> Option<&'v [(Id, Id)]> {
    match values.get(dict) {
        Value::Dict(entries) => Some(entries),
        _ => None,
    }
}

fn name<'a>(values: &Values<'a>, key: Id) -> Option<&'a str> {
    values.text(key).filter(|key| key.len() <= MAX_NAME_BYTES)
}

/// A value, or a container of plain ones. No deeper, since containers may hold each other any number of times.
fn argument(values: &Values, id: Id) -> Json {
    match values.get(id) {
        Value::Tuple(items) if items.len() <= MAX_ITEMS => list(values, items),
        Value::List(items) if items.len() <= MAX_ITEMS => list(values, items),
        Value::Dict(entries) if entries.len() <= MAX_ITEMS => {
            let named = entries
                .iter()
                .filter_map(|(key, value)| Some((name(values, *key)?.to_owned(), plain(values, *value))));
            Json::Object(named.collect())
        }
        _ => plain(values, id),
    }
}

fn list(values: &Values, items: &[Id]) -> Json {
    items.iter().map(|item| plain(values, *item)).collect()
}

fn plain(values: &Values, id: Id) -> Json {
    let described = || Json::String(values.describe(id));
    match values.get(id) {
        Value::Other("None") => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::from(*value),
        Value::Float(value) => Number::from_f64(*value).map_or_else(described, Json::Number),
        Value::Text(text) if text.len() <= MAX_NAME_BYTES => Json::String((*text).to_owned()),
        _ => described(),
    }
}
