//! Finds a network's tensors among those of a file, whatever a wrapper put before their names.

use std::collections::{BTreeMap, HashSet};

use mbn_spec::{Alpha, Architecture};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::error::Problem;
use crate::family::Family;
use crate::shown::quoted;
use crate::stray::{Stray, module_of, top_module};
use crate::views::Views;
use crate::{Adaptation, MismatchError, values};

/// The tensors of a network in a file.
pub(crate) struct Located<'a> {
    /// The family whose names they have.
    pub family: &'static Family,
    /// By the names that the family gives them.
    pub views: Views<'a>,
    /// What is different about the file.
    pub adaptations: Vec<Adaptation>,
    /// Tensors that do not belong to the network.
    pub problems: Vec<Problem>,
    /// These, and those that stand beside it and were left out.
    pub strays: Vec<Stray<'a>>,
}

/// A family, and what stands before its names.
type Place<'n> = (usize, &'n str);

/// Finds the family and the prefix with which most names of the file are names of the network. A prefix is whatever stands
/// before a known name, such as `module.` (data parallel training and averaged models) or `_orig_mod.` (compiled models).
///
/// # Errors
/// Too few names are the network's, or the file holds several networks.
pub(crate) fn locate<'a>(
    tensors: &Views<'a>,
    families: &[&'static Family],
) -> Result<Located<'a>, MismatchError> {
    let known: Vec<_> = families.iter().map(|family| known_names(family)).collect();
    // For each family, the file's names as it writes them.
    let plain: Vec<Vec<String>> = families
        .iter()
        .map(|family| tensors.keys().map(|name| (family.plain_name)(name)).collect())
        .collect();
    let found = places(&plain, &known, |_| true);
    let best = found.iter().max_by_key(|((family, prefix), count)| {
        (
            **count,
            std::cmp::Reverse(prefix.len()),
            std::cmp::Reverse(*family),
        )
    });
    let Some((&(family, prefix), &count)) = best else {
        return Err(other_network(tensors, 0, families[0]));
    };
    let required = |family: usize| known[family].len().div_ceil(2);
    if count < required(family) {
        return Err(other_network(tensors, count, families[family]));
    }
    let is_taken = |at: usize| {
        let name = plain[family][at].strip_prefix(prefix);
        name.is_some_and(|name| known[family].contains(name))
    };
    let others = places(&plain, &known, |at| !is_taken(at));
    let rival = others
        .iter()
        .find(|((family, _), count)| **count >= required(*family));
    if let Some(((_, other), _)) = rival {
        return Err(several_networks(prefix, other));
    }
    Ok(take(tensors, families[family], prefix, &known[family]))
}

/// For every family and prefix, the number of names that they explain, among those whose index is `counted`.
fn places<'n>(
    plain: &'n [Vec<String>],
    known: &[HashSet<String>],
    counted: impl Fn(usize) -> bool,
) -> BTreeMap<Place<'n>, usize> {
    let mut found: BTreeMap<Place<'_>, usize> = BTreeMap::new();
    for (family, names) in plain.iter().enumerate() {
        // A longer end of a name is no known one: without this, the time would grow with the square of a name's length.
        let longest = known[family].iter().map(String::len).max().unwrap_or(0);
        for (_, name) in names.iter().enumerate().filter(|(at, _)| counted(*at)) {
            let first = name.len().saturating_sub(longest);
            let starts = name.char_indices().map(|(at, _)| at).filter(|at| *at >= first);
            let mut ends = starts.map(|at| name.split_at(at));
            if let Some((prefix, _)) = ends.find(|(_, end)| known[family].contains(*end)) {
                *found.entry((family, prefix)).or_default() += 1;
            }
        }
    }
    found
}

/// Every name that the family gives a tensor. They do not depend on the width.
fn known_names(family: &Family) -> HashSet<String> {
    let specs = Architecture::new(Alpha::One, 1).tensors();
    let stored = specs.iter().filter_map(|spec| (family.stored)(spec));
    stored.map(|stored| stored.name).collect()
}

fn take<'a>(
    tensors: &Views<'a>,
    family: &'static Family,
    prefix: &str,
    known: &HashSet<String>,
) -> Located<'a> {
    let (mut views, mut left_out, mut problems) = (BTreeMap::new(), Vec::new(), Vec::new());
    let (mut outside, mut strays) = (Vec::new(), Vec::new());
    let classifier = family.classifier();
    let classifier: Vec<_> = classifier.iter().flatten().map(|stored| &stored.name).collect();
    let stray = |name: &str, plain: &str, view: &TensorView<'a>, is_foreign: bool| Stray {
        name: name.to_owned(),
        plain: plain.to_owned(),
        view: view.clone(),
        is_foreign,
        module: plain
            .strip_prefix(prefix)
            .and_then(|inside| module_of(inside, &classifier, known)),
    };
    for (name, view) in tensors {
        let plain = (family.plain_name)(name);
        match plain.strip_prefix(prefix).filter(|plain| known.contains(*plain)) {
            Some(plain) => {
                if views.insert(plain.to_owned(), view.clone()).is_some() {
                    problems.push(Problem::Other(format!("two tensors are called `{plain}`")));
                }
            }
            // A single whole number is no weight: a counter of whatever saved the file.
            None if is_whole_number(view) || is_no_weight(name) || is_slot(&plain, known) => {
                left_out.push(name.to_owned());
            }
            None if stands_beside(&plain, prefix, known, view) => {
                strays.push(stray(name, &plain, view, false));
                outside.push(name.to_owned());
            }
            None => {
                strays.push(stray(name, &plain, view, true));
                problems.push(Problem::Unexpected(name.to_owned()));
            }
        }
    }
    let mut adaptations = Vec::new();
    if !prefix.is_empty() {
        adaptations.push(Adaptation::Prefix(prefix.to_owned()));
    }
    if !left_out.is_empty() {
        left_out.sort();
        adaptations.push(Adaptation::LeftOut(left_out));
    }
    if !outside.is_empty() {
        outside.sort();
        adaptations.push(Adaptation::Outside(outside));
    }
    problems.sort();
    Located {
        family,
        views,
        adaptations,
        problems,
        strays,
    }
}

/// Whether a tensor that the network lacks stands beside it, whose `plain` name is not below the `prefix`. A single float may stand
/// beside the network's modules under the same prefix. Within one of them it may be learned, as the bound of an activation is.
fn stands_beside(plain: &str, prefix: &str, known: &HashSet<String>, view: &TensorView) -> bool {
    match plain.strip_prefix(prefix) {
        Some(inside) => view.shape().is_empty() && !is_in_module(inside, known),
        None => !may_be_layer(view),
    }
}

/// Whether a name without prefix begins with a module of the network.
fn is_in_module(name: &str, known: &HashSet<String>) -> bool {
    top_module(name).is_some_and(|found| known.iter().any(|known| known.starts_with(found)))
}

/// Whether it is a single whole number, or a truth value.
fn is_whole_number(view: &TensorView) -> bool {
    use Dtype::{BOOL, I8, I16, I32, I64, U8, U16, U32, U64};
    view.shape().is_empty() && matches!(view.dtype(), BOOL | I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64)
}

/// Whether a plain name is a known one and the name of a slot, `weights/Momentum`: what TensorFlow's optimisers keep for each weight.
/// Anything may stand before the known name.
fn is_slot(plain: &str, known: &HashSet<String>) -> bool {
    let Some((weight, slot)) = plain.rsplit_once('/') else {
        return false;
    };
    let mut starts = weight.match_indices('/').map(|(at, _)| at + 1);
    !slot.is_empty() && (known.contains(weight) || starts.any(|at| known.contains(&weight[at..])))
}

/// Whether a tensor beside the network could be a layer of its own, such as another classifier, and not what a loss or a metric
/// keeps.
fn may_be_layer(view: &TensorView) -> bool {
    values::is_float(view.dtype()) && view.shape().len() > 1
}

/// Whether a tensor that the network lacks is known to be no weight: counts of averaged models and of operations, and what
/// TensorFlow's optimisers keep, also for what is no weight of the network.
fn is_no_weight(name: &str) -> bool {
    const ENDS: [&str; 9] = [
        "n_averaged",
        "total_ops",
        "total_params",
        "/RMSProp",
        "/RMSProp_1",
        "/ExponentialMovingAverage",
        "global_step",
        "beta1_power",
        "beta2_power",
    ];
    let name = name.strip_suffix(":0").unwrap_or(name);
    ENDS.iter().any(|end| name.ends_with(end))
}

/// The error for a file that holds something else altogether; it does not list every missing tensor.
fn other_network(tensors: &Views, count: usize, family: &Family) -> MismatchError {
    let total = tensors.len();
    let first = tensors
        .keys()
        .next()
        .map_or(String::new(), |name| format!("; its first is {}", quoted(name)));
    let expected = format!("{}MobileNetV1", family.owner());
    let specs = Architecture::new(Alpha::One, 1).tensors();
    let example = specs
        .iter()
        .find_map(|spec| (family.stored)(spec))
        .map(|stored| stored.name);
    let example = example.unwrap_or_default();
    let problem = match (total, count) {
        (0, _) => "it has none".to_owned(),
        (_, 0) => format!("none of the {total} has a name from the network, such as `{example}`{first}"),
        _ => format!("only {count} of the {total} have a name from the network, such as `{example}`{first}"),
    };
    MismatchError {
        // A few names in common do not make it a file of the family.
        expected: if family.name.is_empty() || 4 * count < total {
            "a MobileNetV1".to_owned()
        } else {
            expected
        },
        problems: vec![Problem::Other(problem)],
    }
}

fn several_networks(one: &str, other: &str) -> MismatchError {
    MismatchError {
        expected: "one MobileNetV1".to_owned(),
        problems: vec![Problem::Several {
            one: one.to_owned(),
            other: other.to_owned(),
            key: None,
        }],
    }
}

#[cfg(test)]
mod tests;
