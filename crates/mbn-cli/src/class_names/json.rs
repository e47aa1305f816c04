//! Class names as JSON: a list, a name for each number, a number for each name, or Keras's and torchvision's `imagenet_class_index.json`.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::ClassList;
use super::numbering::{NumberError, Numbered, ordered};

/// JSON that does not name classes.
#[derive(Debug, thiserror::Error)]
pub(super) enum JsonError {
    /// It is broken, or no JSON.
    #[error("is not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// It holds something else.
    #[error("is JSON of another form, expected {FORMS}")]
    Form,
    /// The numbers of the classes are not all there.
    #[error("numbers its classes so that {0}")]
    Numbers(#[from] NumberError),
}

/// The forms that are read.
const FORMS: &str = "[\"name\", ...], {\"0\": \"name\", ...}, {\"name\": 0, ...}, {\"0\": [\"n01440764\", \"name\"], ...}, \
     [{\"id\": 0, \"name\": \"name\"}, ...], or one of these as `id2label`, `label_names`, `names`, `labels` or `classes`";

/// The fields that may hold one of the forms, as in the `config.json` of transformers and timm; the first of those that a file has counts.
const FIELDS: [&str; 5] = ["id2label", "label_names", "names", "labels", "classes"];
/// The part of timm's `config.json` that may have one of these fields.
const PRETRAINED: &str = "pretrained_cfg";

/// Whether a file is meant to be JSON, or is in a form like it.
pub(super) fn is_meant(path: &Path, text: &str) -> bool {
    let inner = text.trim_start().strip_prefix(['{', '[']);
    let inner = inner.map(str::trim_start);
    let inner = inner.map(|inner| inner.strip_prefix('{').map_or(inner, str::trim_start));
    let is_begun = inner.is_some_and(|inner| inner.starts_with('"'));
    has_extension(path, &["json"]) || is_begun || is_literal(text)
}

/// Whether the file's name ends in one of these.
pub(super) fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    known.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Whether a text begins and ends as a list or a dictionary of strings or numbers does, in JSON or in Python. A name in brackets,
/// such as `[background]`, does not, nor do several lists, such as lines of `[0, 10]`.
pub(super) fn is_literal(text: &str) -> bool {
    let text = text.trim();
    let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let inside: Option<&str> = inside('{', '}').or_else(|| inside('[', ']'));
    let begins = |c: char| c.is_ascii_digit() || c == '"' || c == '\'';
    inside.is_some_and(|inside| inside.trim_start().starts_with(begins)) && !closes_early(text)
}

/// Whether the bracket that a text begins with is closed before its end. Those in quotes do not count.
fn closes_early(text: &str) -> bool {
    let (mut depth, mut quote, mut is_escaped) = (0, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1 < text.len();
                }
            }
            _ => {}
        }
    }
    false
}

/// The classes that a text in JSON names.
pub(super) fn read(text: &str) -> Result<Numbered<Class>, JsonError> {
    if text.trim_start().starts_with('{') {
        return of_entries(serde_json::from_str(text)?);
    }
    match serde_json::from_str(text)? {
        Value::Array(classes) => of_list(&classes),
        _ => Err(JsonError::Form),
    }
}

/// The classes of a list of names, or of objects with number and name.
fn of_list(classes: &[Value]) -> Result<Numbered<Class>, JsonError> {
    let names: Option<Vec<_>> = classes.iter().map(Class::named).collect();
    if let Some(items) = names {
        return Ok(Numbered { items, first: 0 });
    }
    let numbered = classes
        .iter()
        .map(|class| Some((class.get("id")?.as_u64()?, Class::named(class.get("name")?)?)));
    let numbered: Option<Vec<_>> = numbered.collect();
    Ok(ordered(numbered.ok_or(JsonError::Form)?)?)
}

/// The classes in a field of an object that says other things too.
fn of_field(entries: Vec<(String, Value)>) -> Result<Numbered<Class>, JsonError> {
    let mut fields: HashMap<_, _> = entries.into_iter().collect();
    let found = FIELDS
        .into_iter()
        .find_map(|field| fields.remove(field).filter(is_filled));
    match (found, fields.remove(PRETRAINED)) {
        (Some(Value::Array(classes)), _) => of_list(&classes),
        (Some(Value::Object(classes)), _) => {
            let entries: Vec<_> = classes.into_iter().collect();
            numbered(&entries)
                .ok_or(JsonError::Form)
                .and_then(|numbered| Ok(ordered(numbered)?))
        }
        (None, Some(Value::Object(inner))) => of_field(inner.into_iter().collect()),
        _ => Err(JsonError::Form),
    }
}

/// Whether a value is a list or an object that is not empty.
fn is_filled(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty())
        || value.as_object().is_some_and(|object| !object.is_empty())
}

/// A name, and an identifier if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    id: Option<String>,
    name: String,
}

impl Class {
    /// `"name"` or `["n01440764", "name"]`.
    fn of(value: &Value) -> Option<Self> {
        match value.as_array().map(Vec::as_slice) {
            None => Self::named(value),
            Some([id, name]) => Some(Self {
                id: Some(id.as_str()?.to_owned()),
                name: name.as_str()?.to_owned(),
            }),
            Some(_) => None,
        }
    }

    fn named(value: &Value) -> Option<Self> {
        let name = value.as_str()?.to_owned();
        Some(Self { id: None, name })
    }
}

impl FromIterator<Class> for ClassList {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        let (ids, names): (Vec<_>, Vec<_>) = classes.into_iter().map(|class| (class.id, class.name)).unzip();
        let ids = ids.into_iter().collect::<Option<_>>().unwrap_or_default();
        Self {
            names,
            ids,
            others: Vec::new(),
        }
    }
}

fn of_entries(Entries(entries): Entries) -> Result<Numbered<Class>, JsonError> {
    match numbered(&entries) {
        Some(numbered) => Ok(ordered(numbered)?),
        None => of_field(entries),
    }
}

/// The classes of an object that gives each number a name or each name a number.
fn numbered(entries: &[(String, Value)]) -> Option<Vec<(u64, Class)>> {
    let by_number = || -> Option<Vec<_>> {
        let entries = entries.iter();
        entries
            .map(|(number, value)| Some((number.parse().ok()?, Class::of(value)?)))
            .collect()
    };
    let by_name = || -> Option<Vec<_>> {
        let class = |name: &String| Class {
            id: None,
            name: name.clone(),
        };
        let entries = entries.iter();
        entries
            .map(|(name, number)| Some((number.as_u64()?, class(name))))
            .collect()
    };
    by_number().or_else(by_name)
}

/// The entries of an object, also those whose key another one has, which a map would lose: two classes may share a name.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> ClassList {
        read(text).unwrap().items.into_iter().collect()
    }

    #[test]
    fn every_form_gives_the_names_in_the_order_of_their_numbers() {
        for text in [
            r#"["tench", "crane", "20 km/h", "crane"]"#,
            r#"{"1": "crane", "0": "tench", "3": "crane", "2": "20 km/h"}"#,
            r#"{"4": "crane", "1": "tench", "2": "crane", "3": "20 km/h"}"#,
            // A map would have one crane.
            r#"{"crane": 1, "tench": 0, "20 km/h": 2, "crane": 3}"#,
        ] {
            let found = list(text);
            assert_eq!(found.names, ["tench", "crane", "20 km/h", "crane"], "{text}");
            assert!(found.ids.is_empty(), "{text}");
        }
        for text in [
            r#"{"model_type": "vit", "num_labels": 2, "id2label": {"1": "crane", "0": "tench"}, "label2id": {"tench": 0, "crane": 1}}"#,
            r#"{"architecture": "a", "label_names": null, "pretrained_cfg": {"label_names": ["tench", "crane"]}}"#,
            r#"{"architecture": "a", "label_names": ["tench", "crane"], "pretrained_cfg": {"mean": [1]}}"#,
            r#"{"names": {"0": "tench", "1": "crane"}, "nc": 2}"#,
            r#"{"labels": ["tench", "crane"], "num_classes": 2}"#,
            r#"{"classes": {"crane": 1, "tench": 0}}"#,
            r#"[{"id": 1, "name": "crane"}, {"id": 0, "name": "tench", "color": [1, 2, 3]}]"#,
            r#"{"classes": [{"id": 2, "name": "crane"}, {"id": 1, "name": "tench"}]}"#,
        ] {
            assert_eq!(list(text).names, ["tench", "crane"], "{text}");
        }
        // Classes that are called so.
        assert_eq!(list(r#"{"names": 1, "labels": 0}"#).names, ["labels", "names"]);
        let index = list(r#"{"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench"]}"#);
        assert_eq!(index.names, ["tench", "goldfish"]);
        assert_eq!(index.ids, ["n01440764", "n01443537"]);
        // Names that are numbers.
        assert_eq!(list(r#"{"0": "1", "1": "0"}"#).names, ["1", "0"]);
        assert_eq!(list(r#"{"7": 1, "5": 0}"#).names, ["5", "7"]);
    }

    #[test]
    fn other_json_is_refused_with_the_forms_that_are_read() {
        for (text, part) in [
            ("[1, 2]", "expected [\"name\", ...]"),
            (r#"{"a": "b"}"#, "JSON of another form"),
            (r#"{"names": "a"}"#, "JSON of another form"),
            (r#"{"names": [], "classes": 2}"#, "`names`, `labels` or `classes`"),
            (
                r#"[{"id": 0, "name": "a"}, {"id": 2, "name": "b"}]"#,
                "1 is missing",
            ),
            (r#"[{"name": "a"}]"#, "JSON of another form"),
            (r#"{"0": ["n01440764"]}"#, "JSON of another form"),
            (r#"["a", ["n01440764", "b"]]"#, "JSON of another form"),
            (r#""tench""#, "JSON of another form"),
            (r#"{"0": "a", "2": "b"}"#, "1 is missing"),
            (r#"{"0": "a", "0": "b"}"#, "0 comes twice"),
            (r#"["a""#, "is not JSON: EOF"),
        ] {
            let message = read(text).map(drop).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
