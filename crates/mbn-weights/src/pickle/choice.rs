//! Which of a checkpoint's dictionaries is the state dict.

use std::collections::{BTreeMap, HashMap};

use super::tensors::is_tensor;
use super::unread::{self, Unread};
use super::values::{Id, Value, Values, last};
use super::{MAX_NAME_BYTES, MAX_TENSORS, PickleError};
use crate::shown::quoted;

/// Keys of a state dict, the preferred first: a moving average is what a training script evaluates. One with less than half as many
/// tensors as another holds no network.
pub const KEYS: [&str; 9] = [
    "state_dict_ema",
    "ema_state_dict",
    "model_ema",
    "params_ema",
    "ema",
    "state_dict",
    "model_state_dict",
    "model",
    "params",
];

/// Keys under which a dictionary that stands under one of [`KEYS`] may hold the state dict, beside a decay or a count of updates.
pub const INNER_KEYS: [&str; 4] = ["module", "state_dict", "shadow", "model"];

/// Most keys that an error names.
const NAMED: usize = 100;

/// A state dict.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    /// Its key, with a dot and the inner one if it is in a dictionary under it; `None` for the checkpoint itself.
    pub key: Option<String>,
    /// The one of [`KEYS`] that it was found by.
    pub known: Option<&'static str>,
    /// Keys of other state dicts.
    pub others: Vec<String>,
    /// The ones of [`KEYS`] before its own that hold weights in a form that is not read.
    pub unread: Vec<Unread>,
    /// Its entries.
    pub entries: BTreeMap<&'a str, Id>,
}

/// A dictionary that may be the state dict.
#[derive(Clone, Copy, Debug)]
struct Candidate<'a> {
    id: Id,
    tensors: usize,
    /// Its key in the dictionary that stands under a key of the checkpoint; `None` if it is that one.
    inner: Option<&'a str>,
}

impl Candidate<'_> {
    /// The keys that lead to it.
    fn path(&self, key: &str) -> String {
        match self.inner {
            Some(inner) => format!("{key}.{inner}"),
            None => key.to_owned(),
        }
    }
}

/// Finds the state dict, which is under none of the keys `passed`.
pub(super) fn choose<'a>(values: &Values<'a>, root: Id, passed: &[&str]) -> Result<Choice<'a>, PickleError> {
    let Value::Dict(entries) = values.get(root) else {
        return Err(PickleError::NotDictionary(values.describe(root)));
    };
    let mut candidates = candidates(values, entries);
    let all = candidates.len();
    let path = |(key, candidate): (&str, Candidate)| candidate.path(key);
    let left = passed.iter().filter_map(|key| candidates.remove_entry(*key));
    let left: Vec<_> = left.map(path).collect();
    let most = candidates
        .values()
        .map(|candidate| candidate.tensors)
        .max()
        .unwrap_or(0);
    // A moving average may keep its decay as a tensor, and its weights further inside.
    let is_network = |key: &&str| {
        candidates
            .get(*key)
            .is_some_and(|candidate| 2 * candidate.tensors >= most)
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
        Some((key, candidate)) => (Some(candidate.path(key)), candidate.id),
        None if count_tensors(values, entries) > 0 => (None, root),
        None => return Err(PickleError::NoStateDict(described(values, entries))),
    };
    let before = KEYS.into_iter().take_while(|key| known != Some(key));
    let before = before.filter(|key| !candidates.contains_key(*key) && !passed.contains(key));
    Ok(Choice {
        key,
        known,
        unread: before
            .filter_map(|key| unread::of(values, entries, key))
            .collect(),
        others: left.into_iter().chain(candidates.into_iter().map(path)).collect(),
        entries: named_entries(values, id)?,
    })
}

/// The dictionaries in the checkpoint that hold tensors, by key.
fn candidates<'a>(values: &Values<'a>, entries: &[(Id, Id)]) -> BTreeMap<&'a str, Candidate<'a>> {
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
        let tensors = *counted
            .entry(*value)
            .or_insert_with(|| count_tensors(values, inner));
        let direct = Candidate {
            id: *value,
            tensors,
            inner: None,
        };
        let deeper = KEYS
            .contains(&key)
            .then(|| largest_inside(values, inner))
            .flatten();
        match deeper
            .filter(|deeper| deeper.tensors > 2 * tensors)
            .unwrap_or(direct)
        {
            Candidate { tensors: 0, .. } => drop(candidates.remove(key)),
            candidate => drop(candidates.insert(key, candidate)),
        }
    }
    candidates
}

/// The dictionary with the most tensors that stands under one of [`INNER_KEYS`], the first of several.
fn largest_inside<'a>(values: &Values<'a>, entries: &[(Id, Id)]) -> Option<Candidate<'a>> {
    let inside = INNER_KEYS.into_iter().filter_map(|inner| {
        let id = last(values, entries, inner)?;
        let Value::Dict(entries) = values.get(id) else {
            return None;
        };
        Some(Candidate {
            id,
            tensors: count_tensors(values, entries),
            inner: Some(inner),
        })
    });
    inside.rev().max_by_key(|candidate| candidate.tensors)
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
