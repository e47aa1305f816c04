//! In what two files differ beside their graphs: what they say of themselves.

use std::collections::BTreeMap;

use mbn_onnx::Model;
use mbn_spec::{Preprocess, Variant};
use serde_json::Value;

use crate::meaning::{Differing, of_preprocessing};
use crate::show::short;

/// What gives numbers their meaning. Where it differs, two files are not the same model, whatever they compute.
const MEANING: [&str; 7] = [
    "alpha",
    "architecture",
    "classes",
    "names",
    "preprocess",
    "problem_type",
    "variant",
];

/// The differences, a line each.
pub(super) struct Differences {
    pub lines: Vec<String>,
    /// Whether one of them is a difference in meaning.
    pub part: bool,
}

pub(super) fn differences(a: &Model, b: &Model) -> Differences {
    let (a, b) = (properties(a), properties(b));
    let mut found = Differences {
        lines: Vec::new(),
        part: false,
    };
    let only_b = b.keys().filter(|key| !a.contains_key(*key));
    for key in a.keys().chain(only_b) {
        let what = match (a.get(key), b.get(key)) {
            (one, other) if is_same(key, one.copied(), other.copied()) => continue,
            (Some(one), Some(other)) => name_that_differs(one, other)
                .or_else(|| fields_that_differ(one, other))
                .unwrap_or_else(|| {
                    format!("{} in the first file, {} in the second", short(one), short(other))
                }),
            (Some(one), None) => format!("{} in the first file alone", short(one)),
            (None, other) => format!("{} in the second file alone", short(other.unwrap_or(&""))),
        };
        found
            .lines
            .push(format!("the metadata differs: `{}` is {what}", short(key)));
        found.part |= MEANING.contains(key);
    }
    found
}

fn properties(model: &Model) -> BTreeMap<&str, &str> {
    let entries = model.proto().metadata_props.iter();
    entries.map(|entry| (entry.key(), entry.value())).collect()
}

/// Whether two values of a key say the same, however JSON is spaced, and whether or not usual values are written out.
fn is_same(key: &str, a: Option<&str>, b: Option<&str>) -> bool {
    a == b
        || match key {
            "preprocess" => means_the_same(a, b, |text| serde_json::from_str::<Preprocess>(text).ok()),
            "variant" => means_the_same(a, b, |text| serde_json::from_str::<Variant>(text).ok()),
            _ => {
                let json =
                    |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
                json(a).is_some_and(|a| Some(a) == json(b))
            }
        }
}

/// Whether both are read as the same value; what is missing is the usual one.
fn means_the_same<T: Default + PartialEq>(
    a: Option<&str>,
    b: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> bool {
    let value = |text: Option<&str>| text.map_or_else(|| Some(T::default()), &read);
    value(a).is_some_and(|a| Some(a) == value(b))
}

/// The fields in which two descriptions of the preprocessing differ; none if they only differ in how that is written.
fn fields_that_differ(a: &str, b: &str) -> Option<String> {
    let read = |text: &str| serde_json::from_str::<Preprocess>(text).ok();
    let fields = of_preprocessing(&read(a)?, &read(b)?);
    let fields = fields.iter().map(|field| {
        let Differing { name, one, other } = field;
        format!("{name} {one} in the first file, {other} in the second")
    });
    let fields: Vec<_> = fields.collect();
    (!fields.is_empty()).then(|| format!("another: {}", fields.join("; ")))
}

/// The first of two equally long lists of names that is another one.
fn name_that_differs(a: &str, b: &str) -> Option<String> {
    let names = |text: &str| serde_json::from_str::<Vec<String>>(text).ok();
    let (a, b) = (names(a)?, names(b)?);
    let at = (a.len() == b.len()).then(|| a.iter().zip(&b).position(|(a, b)| a != b))??;
    let more = a.iter().zip(&b).filter(|(a, b)| a != b).count() - 1;
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    Some(format!(
        "another list: number {at} is `{}` in the first file, `{}` in the second{more}",
        short(&a[at]),
        short(&b[at])
    ))
}
