//! Class names as JSON: a list, a name for each number, a number for each name, or Keras's and torchvision's `imagenet_class_index.json`.

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
const FORMS: &str =
    "[\"name\", ...], {\"0\": \"name\", ...}, {\"name\": 0, ...} or {\"0\": [\"n01440764\", \"name\"], ...}";

/// Whether a file is meant to be JSON, or is in a form like it.
pub(super) fn is_meant(path: &Path, text: &str) -> bool {
    let inner = text.trim_start().strip_prefix(['{', '[']);
    let is_begun = inner.is_some_and(|inner| inner.trim_start().starts_with('"'));
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
    let Value::Array(names) = serde_json::from_str(text)? else {
        return Err(JsonError::Form);
    };
    let names: Option<Vec<_>> = names.iter().map(Class::named).collect();
    Ok(Numbered {
        items: names.ok_or(JsonError::Form)?,
        first: 0,
    })
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
    let numbered = by_number().or_else(by_name).ok_or(JsonError::Form)?;
    Ok(ordered(numbered)?)
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
            (r#"{"names": {"0": "a"}}"#, "JSON of another form"),
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
