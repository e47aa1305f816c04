//! Reads values that have names, and names them all for anything else.

use std::fmt;
use std::marker::PhantomData;

use clap::ValueEnum;
use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

/// Lets files have the names of the command line.
macro_rules! read_by_name {
    ($($name:ty),+) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::settings::named::by_name(deserializer)
            }
        }
    )+};
}

pub(super) use read_by_name;

/// Reads a value by its name.
pub(super) fn by_name<'de, T: ValueEnum, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_str(Names(PhantomData))
}

/// Expects one of the names of `T`.
struct Names<T>(PhantomData<T>);

impl<T: ValueEnum> Visitor<'_> for Names<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value);
        let names: Vec<_> = values.map(|value| format!("`{}`", value.get_name())).collect();
        match names.split_last() {
            Some((last, [])) => f.write_str(last),
            Some((last, first)) => write!(f, "{} or {last}", first.join(", ")),
            None => Ok(()),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_str(text, false).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::{ClassWeights, Recipe, RunArgs};

    #[test]
    fn other_values_name_those_that_are_known() {
        for (text, found) in [
            (
                "class-weights = true",
                "boolean `true`, expected `none` or `balanced`",
            ),
            (
                "class-weights = 'all'",
                "string \"all\", expected `none` or `balanced`",
            ),
            (
                "recipe = 1",
                "integer `1`, expected `plain`, `strong`, `fine-tune` or `classifier`",
            ),
            ("bad-images = []", "expected `fail` or `skip`"),
        ] {
            let error = toml::from_str::<RunArgs>(text).unwrap_err().to_string();
            assert!(error.contains(found), "{error}");
        }
        let args: RunArgs = toml::from_str("class-weights = 'balanced'\nrecipe = 'fine-tune'").unwrap();
        assert_eq!(args.class_weights, Some(ClassWeights::Balanced));
        assert_eq!(args.recipe, Some(Recipe::FineTune));
    }
}
