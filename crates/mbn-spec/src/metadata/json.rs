//! JSON as Rust values. An error says in words which part is wrong, what it is and what is expected.

mod fault;

use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use self::fault::Fault;

/// Reads a value.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| match serde_json::from_str(text) {
        Ok(value) => explain::<T>(&value).unwrap_or_else(|| without_place(&error)),
        Err(error) => format!("it is no JSON: {error}"),
    })
}

/// What is wrong with a value that serde_json refuses with words of Rust; `None` if this finds nothing.
fn explain<T: DeserializeOwned>(value: &Value) -> Option<String> {
    let place = String::new();
    Part { value, place }
        .read(PhantomData::<T>)
        .err()
        .map(|fault| fault.to_string())
}

/// The message without line and column, which are of the text, not of the file that a user sees.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

/// A part of a value.
struct Part<'v> {
    value: &'v Value,
    /// Where it is: `distilled.weight`, `mean[1]`; empty for the whole.
    place: String,
}

impl<'v> Part<'v> {
    fn read<S: DeserializeSeed<'v>>(self, seed: S) -> Result<S::Value, Fault> {
        let (value, place) = (self.value, self.place.clone());
        seed.deserialize(self).map_err(|fault| fault.of(value, &place))
    }
}

impl<'de> Deserializer<'de> for Part<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Self { value, place } = self;
        match value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => visitor.visit_u64(number),
                (None, Some(number), _) => visitor.visit_i64(number),
                (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(parts) => list(visitor, parts, &place),
            Value::Object(fields) => visitor.visit_map(Fields {
                rest: fields.iter(),
                next: None,
                place: &place,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::String(name) => visitor.visit_enum(key(name)),
            _ => Err(Fault::one_of(names)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

fn key(name: &str) -> StrDeserializer<'_, Fault> {
    name.into_deserializer()
}

/// All of a list must be read.
fn list<'v, V: Visitor<'v>>(visitor: V, parts: &'v [Value], place: &str) -> Result<V::Value, Fault> {
    let mut read = 0;
    let value = visitor.visit_seq(Parts {
        parts,
        read: &mut read,
        place,
    })?;
    match read == parts.len() {
        true => Ok(value),
        false => Err(Fault::too_long(parts.len(), read)),
    }
}

struct Parts<'v, 'p> {
    parts: &'v [Value],
    read: &'p mut usize,
    place: &'p str,
}

impl<'v> SeqAccess<'v> for Parts<'v, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some(value) = self.parts.get(*self.read) else {
            return Ok(None);
        };
        let place = format!("{}[{}]", self.place, self.read);
        *self.read += 1;
        Part { value, place }.read(seed).map(Some)
    }
}

struct Fields<'v, 'p> {
    rest: serde_json::map::Iter<'v>,
    next: Option<(&'v str, &'v Value)>,
    place: &'p str,
}

impl<'v> MapAccess<'v> for Fields<'v, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.next = Some((name, value));
        seed.deserialize(key(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        // Whoever asks for a value had its key.
        let (name, value) = self.next.take().unwrap_or(("", &Value::Null));
        let place = fault::inside(self.place, name);
        Part { value, place }.read(seed)
    }
}

#[cfg(test)]
mod tests;
