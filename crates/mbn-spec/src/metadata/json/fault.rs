//! What is wrong with a part of a value.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};
use serde_json::Value;

use crate::text::{counted, joined};

/// Characters of a text that a message shows.
const SHOWN: usize = 40;

#[derive(Debug)]
pub(super) enum Fault {
    /// The part is something else than these words say.
    IsNot(String),
    /// It has another number of parts.
    Length(usize, String),
    /// It lacks a field.
    Lacks(&'static str),
    Other(String),
    /// All is said, of the part and its place.
    Said(String),
}

impl Fault {
    /// It is none of these names.
    pub fn one_of(names: &[&str]) -> Self {
        let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        Self::IsNot(match quoted.split_last() {
            Some((last, [_, ..])) => {
                let first = &quoted[..quoted.len() - 1];
                format!("{} or {last}", first.join(", "))
            }
            _ => joined(quoted),
        })
    }

    /// It has `found` parts, of which only some are of use.
    pub fn too_long(found: usize, expected: usize) -> Self {
        Self::Length(found, expected.to_string())
    }

    /// The same, said of `value` at `place`. A part inside it may have said it already.
    pub fn of(self, value: &Value, place: &str) -> Self {
        let subject = match place {
            "" => "it".to_owned(),
            place => format!("`{place}`"),
        };
        Self::Said(match self {
            Self::IsNot(expected) => format!("{subject} is {}, expected {expected}", shown(value)),
            Self::Length(found, expected) => {
                format!("{subject} has {}, expected {expected}", counted(found, "value"))
            }
            Self::Lacks(field) => format!("`{}` is missing", inside(place, field)),
            Self::Other(message) => format!("{subject}: {message}"),
            Self::Said(message) => message,
        })
    }
}

/// The place of a field of what is at `place`.
pub(super) fn inside(place: &str, field: &str) -> String {
    match place {
        "" => field.to_owned(),
        place => format!("{place}.{field}"),
    }
}

/// A value as a message shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() > SHOWN => {
            let start: String = text.chars().take(SHOWN).collect();
            format!("the text {start:?}...")
        }
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// What serde expects, in words.
fn words(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more, without point and exponent",
        "f32" | "f64" => "a number",
        "a string" => "a text",
        "a sequence" => "a list",
        _ if expected.starts_with("an array of length ") => "a list of numbers",
        _ if expected.starts_with("struct ") => "an object",
        other => other,
    }
    .to_owned()
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IsNot(message) | Self::Length(_, message) | Self::Other(message) | Self::Said(message) => {
                f.write_str(message)
            }
            Self::Lacks(field) => write!(f, "`{field}` is missing"),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::IsNot(words(expected))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::IsNot(words(expected))
    }

    fn invalid_length(found: usize, expected: &dyn Expected) -> Self {
        let text = expected.to_string();
        let length = text.strip_prefix("an array of length ");
        Self::Length(found, length.map_or_else(|| words(expected), str::to_owned))
    }

    fn unknown_variant(_: &str, names: &'static [&'static str]) -> Self {
        Self::one_of(names)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Lacks(field)
    }
}
