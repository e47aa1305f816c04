//! A row of the table of settings, and its default in words.

use std::fmt::Display;
use std::str::FromStr;

use clap::Arg;
use clap::builder::ValueParser;
use serde::Serialize;

use super::{Recipe, RunArgs, Settings};

/// The topic of a setting: its heading in the help and in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Data,
    Model,
    Training,
    Augmentation,
}

impl Group {
    pub fn heading(self) -> &'static str {
        match self {
            Self::Data => "Data",
            Self::Model => "Model",
            Self::Training => "Training",
            Self::Augmentation => "Augmentation",
        }
    }
}

/// A flag that switches a setting off.
pub(crate) struct Off {
    pub name: &'static str,
    /// Name of the option.
    pub flag: &'static str,
    pub help: &'static str,
}

/// A setting as data.
pub(crate) struct Setting {
    /// Name of the field, and id of the option.
    pub name: &'static str,
    /// Key in configuration files, and name of the option.
    pub key: &'static str,
    pub group: Group,
    /// Name of the value in the help; empty for a setting without an option of its own.
    pub value: &'static str,
    pub help: &'static str,
    /// A value other than the default, as the command line takes it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the documentation and tests"))]
    pub example: &'static str,
    /// The default in words; empty if the value itself is clear enough.
    pub says: &'static str,
    /// The default under the recipe `plain` in words, if it is not the value; else empty.
    pub plain: &'static str,
    /// The flag that switches it off, if there is one.
    pub off: &'static [Off],
    /// Reads a value on the command line.
    pub parser: fn() -> ValueParser,
    /// Further properties of the option.
    pub options: &'static [fn(Arg) -> Arg],
    /// The value as the command line takes it, if it has one.
    pub saved: fn(&Settings) -> Option<String>,
}

impl Setting {
    pub fn help(&self) -> &'static str {
        self.help.trim()
    }

    /// The default under a recipe, in words or as a value.
    pub fn default_of(&self, recipe: Recipe) -> String {
        if recipe == Recipe::Plain && !self.plain.is_empty() {
            return self.plain.to_owned();
        }
        if !self.says.is_empty() {
            return self.says.to_owned();
        }
        let args = RunArgs {
            recipe: Some(recipe),
            ..RunArgs::default()
        };
        let settings = Settings::fill(&args).ok();
        let value = settings.and_then(|settings| (self.saved)(&settings));
        value.unwrap_or_default()
    }
}

/// Reads a number that the file of settings can hold: TOML's integers end at `i64::MAX`.
pub(super) fn storable<T>(text: &str) -> Result<T, String>
where
    T: FromStr<Err: Display> + Serialize,
{
    let number = text.parse().map_err(|error: T::Err| error.to_string())?;
    match toml::Value::try_from(&number) {
        Ok(_) => Ok(number),
        Err(_) => Err(format!("expected at most {}", i64::MAX)),
    }
}

/// A computed default without the last digits of its rounding: 0.0375 for 0.037500000000000006.
pub(super) fn in_few_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// The name of a field with dashes, as bytes of a constant.
pub(super) const fn dashed<const N: usize>(name: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        let byte = name.as_bytes()[at];
        bytes[at] = if byte == b'_' { b'-' } else { byte };
        at += 1;
    }
    bytes
}

/// The bytes of [`dashed`] as text.
pub(super) const fn text(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a field has an ASCII name"),
    }
}
