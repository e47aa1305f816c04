//! Which of a checkpoint's dictionaries is the state dict.

use std::collections::{BTreeMap, HashMap};

use super::tensors::is_tensor;
use super::values::{Id, Value, Values};
use super::{MAX_NAME_BYTES, MAX_TENSORS, PickleError};
use crate::shown::quoted;

/// Keys of a state dict, the preferred first: a moving average is what a training script evaluates. One with less than half as many
/// tensors as another holds no network.
pub const KEYS: [&str; 6] = [
    "state_dict_ema",
    "model_ema",
    "ema",
    "state_dict",
    "model_state_dict",
    "model",
];

/// Most keys that an error names.
const NAMED: usize = 100;

/// A state dict.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    /// Its key; `None` for the checkpoint itself.
    pub key: Option<&'a str>,
    /// Keys of other state dicts.
    pub others: Vec<&'a str>,
    /// Its entries.
    pub entries: BTreeMap<&'a str, Id>,
}

/// Finds the state dict, which is under none of the keys `passed`.
pub(super) fn choose<'a>(values: &Values<'a>, root: Id, passed: &[&str]) -> Result<Choice<'a>, PickleError> {
    let Value::Dict(entries) = values.get(root) else {
        return Err(PickleError::NotDictionary(values.describe(root)));
    };
    let mut candidates = candidates(values, entries);
    let all = candidates.len();
    let passed = passed.iter().filter_map(|key| candidates.remove_entry(*key));
    let passed: Vec<_> = passed.map(|(key, _)| key).collect();
    let most = candidates
        .values()
        .map(|(_, tensors)| *tensors)
        .max()
        .unwrap_or(0);
    // A moving average may keep its decay as a tensor, and its weights further inside.
    let is_network = |key: &&str| {
        candidates
            .get(*key)
            .is_some_and(|(_, tensors)| 2 * tensors >= most)
    };
    let known = KEYS.into_iter().find(is_network);
    let taken = match known.and_then(|key| candidates.remove_entry(key)) {
        Some(known) => Some(known),
        None if count_tensors(values, entries) > all => None,
        None if candidates.len() > 1 => {
            let keys = candidates.keys().take(NAMED).map(|key| quoted(key));
            return Err(PickleError::SeveralStateDicts(keys.collect()));
        }
        None => candidates.pop_first(),
    };
    let (key, id) = match taken {
        Some((key, (id, _))) => (Some(key), id),
        None if count_tensors(values, entries) > 0 => (None, root),
        None => return Err(PickleError::NoStateDict(described(values, entries))),
    };
    Ok(Choice {
        key,
        others: passed.into_iter().chain(candidates.into_keys()).collect(),
        entries: named_entries(values, id)?,
    })
}

/// The dictionaries in the checkpoint that hold tensors, and how many, by key.
fn candidates<'a>(values: &Values<'a>, entries: &[(Id, Id)]) -> BTreeMap<&'a str, (Id, usize)> {
    // Any number of keys may share a dictionary.
    let mut counted: HashMap<Id, usize> = HashMap::new();
    let mut candidates = BTreeMap::new();
    for (key, value) in entries {
        let Some(key) = values.text(*key).filter(|key| key.len() <= MAX_NAME_BYTES) else {
            continue;
        };
        let Value::Dict(inner) = values.get(*value) else {
            candidates.remove(key);
            continue;
        };
        match *counted
            .entry(*value)
            .or_insert_with(|| count_tensors(values, inner))
        {
            0 => drop(candidates.remove(key)),
            tensors => drop(candidates.insert(key, (*value, tensors))),
        }
    }
    candidates
}

fn count_tensors(values: &Values, entries: &[(Id, Id)]) -> usize {
    let named = entries.iter().filter(|(key, _)| values.text(*key).is_some());
    named.filter(|(_, value)| is_tensor(values, *value)).count()
}

/// The keys, and of an object what made it.
fn described(values: &Values, entries: &[(Id, Id)]) -> Vec<String> {
    let named = entries
        .iter()
        .filter_map(|(key, value)| Some((values.text(*key)?, *value)));
    let describe = |(key, value): (&str, Id)| match values.get(value) {
        Value::Call(..) => format!("{} ({})", quoted(key), values.describe(value)),
        _ => quoted(key),
    };
    named.take(NAMED).map(describe).collect()
}

/// A state dict's entries by name. A later entry of the same name replaces an earlier one.
fn named_entries<'a>(values: &Values<'a>, dict: Id) -> Result<BTreeMap<&'a str, Id>, PickleError> {
    let Value::Dict(entries) = values.get(dict) else {
        return Err(PickleError::NotDictionary(values.describe(dict)));
    };
    let mut named = BTreeMap::new();
    for (key, value) in entries {
        let Some(key) = values.text(*key) else {
            continue;
        };
        if key.len() > MAX_NAME_BYTES {
            let (found, limit) = (key.len(), MAX_NAME_BYTES);
            return Err(PickleError::LongName { found, limit });
        }
        named.insert(key, *value);
        if named.len() > MAX_TENSORS {
            return Err(PickleError::TooManyTensors(MAX_TENSORS));
        }
    }
    Ok(named)
}
