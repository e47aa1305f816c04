//! Names of classes that should be the same and are not: in another order, spelled differently, or composed differently in
//! Unicode.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::text::{counted, plural};

/// The most letters that two names may be apart and be meant to be the same.
const MOST_APART: usize = 2;
/// Pairs that a message shows before it counts the others.
const SHOWN: usize = 3;

/// A name with its accents composed (NFC): macOS and some archives decompose the names of files.
pub fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// A name without the differences that file systems and habits bring: Unicode's composition and compatibility forms,
/// capitals, and `_`, `-` or several spaces in place of one.
pub fn normal(name: &str) -> String {
    let folded: String = name.nfkc().collect::<String>().to_lowercase().nfkc().collect();
    let words = folded.split(|c: char| c.is_whitespace() || c == '_' || c == '-');
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The one of `known` that `name` was probably meant to be: the one with the same [`normal`] form, else the closest if only
/// a few letters differ. `None` if `name` itself is known, or nothing is close.
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    KnownNames::new(known).nearest(name)
}

/// Names that many others are compared with, as [`nearest`] compares one.
#[derive(Clone, Debug)]
pub struct KnownNames<'a> {
    names: HashSet<&'a str>,
    /// The normal forms by their number of letters, each with its name's place in the list.
    by_length: BTreeMap<usize, Vec<(usize, String, &'a str)>>,
}

impl<'a> KnownNames<'a> {
    /// Prepares the comparison with `names`.
    pub fn new(names: &'a [String]) -> Self {
        let mut by_length: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for (place, name) in names.iter().enumerate() {
            let plain = normal(name);
            let same_length = by_length.entry(plain.chars().count()).or_default();
            same_length.push((place, plain, name.as_str()));
        }
        Self {
            names: names.iter().map(String::as_str).collect(),
            by_length,
        }
    }

    /// What [`nearest`] finds among these names.
    pub fn nearest(&self, name: &str) -> Option<&'a str> {
        if self.names.contains(name) {
            return None;
        }
        let plain = normal(name);
        let length = plain.chars().count();
        let like = self
            .by_length
            .range(length.saturating_sub(MOST_APART)..=length + MOST_APART);
        let like = like.flat_map(|(_, names)| names);
        let close =
            like.filter_map(|(place, known, name)| Some((letters_apart(&plain, known)?, *place, *name)));
        close
            .min_by_key(|(distance, place, _)| (*distance, *place))
            .map(|(.., name)| name)
    }
}

/// How many letters two normal forms are apart, if that is few for names as long as these.
fn letters_apart(one: &str, other: &str) -> Option<usize> {
    let length = one.chars().count().min(other.chars().count());
    // Short names differ by a letter without being meant to be the same: `cat`, `car`.
    let few = match length {
        0..=3 => 0,
        4..=7 => 1,
        _ => MOST_APART,
    };
    if one.chars().count().abs_diff(other.chars().count()) > few || numbers(one) != numbers(other) {
        return (one == other).then_some(0);
    }
    let distance = strsim::damerau_levenshtein(one, other);
    (distance <= few).then_some(distance)
}

/// The digits of a name: `class 1` is not a misspelt `class 2`.
fn numbers(name: &str) -> String {
    name.chars().filter(char::is_ascii_digit).collect()
}

/// A name for a message, which shows how it is composed if it is not plain ASCII and looks like `other`.
fn shown(name: &str, other: &str) -> String {
    if name != other && composed(name) == composed(other) {
        return format!("`{}`", escaped(name));
    }
    format!("`{name}`")
}

/// The name with everything but ASCII escaped, which shows its form: `cafe\u{301}`.
pub fn escaped(name: &str) -> String {
    let escape = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => c.escape_unicode().to_string(),
    };
    name.chars().map(escape).collect()
}

/// A name that is not among the `known` ones, for a message, and which one was probably meant: `Golden Retriever` (did you mean
/// `golden_retriever`?).
pub fn unknown(name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some(meant) => {
            let (name, meant) = (shown(name, meant), shown(meant, name));
            format!("{name} (did you mean {meant}?)")
        }
        None => format!("`{name}`"),
    }
}

/// A list of class names beside the names that a model has of its own, class by class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Classes that are given the name of another one, while that one has yet another: the order differs.
    misplaced: Vec<Pair>,
    /// Classes whose name is spelled differently.
    respelled: Vec<Pair>,
}

/// A class with two names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    /// Its index, from 0.
    class: usize,
    given: String,
    own: String,
}

impl Comparison {
    /// Compares names `given` for a model's classes with its `own`, both in the order of the classes.
    pub fn new(given: &[String], own: &[String]) -> Self {
        let (given_normal, own_normal): (Vec<_>, Vec<_>) = (
            given.iter().map(|name| normal(name)).collect(),
            own.iter().map(|name| normal(name)).collect(),
        );
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, name) in own_normal.iter().enumerate() {
            places.entry(name).or_default().push(place);
        }
        let mut comparison = Self::default();
        for (class, (given_name, own_name)) in given.iter().zip(own).enumerate() {
            let (name, expected) = (given_normal[class].as_str(), own_normal[class].as_str());
            let pair = || Pair {
                class,
                given: given_name.clone(),
                own: own_name.clone(),
            };
            if given_name == own_name {
                continue;
            }
            if name == expected {
                comparison.respelled.push(pair());
                continue;
            }
            // A name may be given to several classes on purpose, to take them together: then its own class keeps it.
            let elsewhere = places.get(name).into_iter().flatten();
            if elsewhere.clone().next().is_some()
                && elsewhere
                    .clone()
                    .all(|&place| given_normal.get(place).is_none_or(|there| there != name))
            {
                comparison.misplaced.push(pair());
            } else if letters_apart(name, expected).is_some() {
                comparison.respelled.push(pair());
            }
        }
        comparison
    }

    /// Whether the names are the model's own in another order.
    pub fn is_reordered(&self) -> bool {
        !self.misplaced.is_empty()
    }

    /// The first lines that show the other order.
    pub fn reordered(&self) -> impl fmt::Display {
        pairs(&self.misplaced, |pair| {
            format!(
                "line {} is `{}` where the weights have `{}`",
                pair.class + 1,
                pair.given,
                pair.own
            )
        })
    }

    /// Names that are spelled differently than the model's, if there are any.
    pub fn respelled(&self) -> Option<String> {
        let first = |pair: &Pair| {
            format!(
                "{} for {}",
                shown(&pair.given, &pair.own),
                shown(&pair.own, &pair.given)
            )
        };
        let number = self.respelled.len();
        let verb = if number == 1 { "is" } else { "are" };
        (number > 0).then(|| {
            format!(
                "{} {verb} spelled differently: {}",
                counted(number, "name"),
                pairs(&self.respelled, first)
            )
        })
    }
}

/// The first pairs, and the number of others.
fn pairs(pairs: &[Pair], text: impl Fn(&Pair) -> String) -> String {
    let mut parts: Vec<_> = pairs.iter().take(SHOWN).map(text).collect();
    match pairs.len().saturating_sub(SHOWN) {
        0 => {}
        more => parts.push(format!("and {more} more {}", plural(more, "line"))),
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests;
