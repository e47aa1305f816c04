//! Configuration files: the settings as TOML, with the names of the options as keys.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use clap::Command;
use mbn_cli::{Hint, text_file};

use super::table::SETTINGS;
use super::{Recipe, RunArgs, Settings, Temperature};

/// Jaro-Winkler similarity below which two words have little in common.
const SIMILAR: f64 = 0.8;

/// What a saved file begins with.
pub(crate) const HEADER: &str = "# Settings of a run of mbn-train";

/// Reads a configuration file. `above` is the layer that overrides it. A saved file has every value, so if `above` sets the
/// recipe, the optimiser, the epochs or the batch size, values that equal the file's own defaults are left out and follow
/// that layer, as the epochs of the file's recipe follow another. A file that lacks one of these four keeps all its values. The usual part to hold out follows the data in any case. Hints for unknown keys recognise the options of `command`.
///
/// # Errors
/// The file cannot be read, is not TOML, or has an unknown key or a value out of range.
pub(crate) fn load(path: &Path, above: &RunArgs, command: &Command) -> Result<RunArgs> {
    let cannot_read = || format!("configuration `{}` cannot be read", path.display());
    let bytes = text_file::read(path).with_context(cannot_read)?;
    let text = text_file::text(&bytes).with_context(cannot_read)?;
    let args =
        parse(text, command).with_context(|| format!("configuration `{}` cannot be used", path.display()))?;
    let args = args.without_usual_part();
    Ok(match above.changes_defaults() {
        true => args.without_defaults(above),
        false => args,
    })
}

/// Reads the content of a configuration file, without [`require_in_range`].
///
/// # Errors
/// As [`load`].
pub(crate) fn parse(text: &str, command: &Command) -> Result<RunArgs> {
    let table: toml::Table = text.parse().map_err(without_trailing_newline)?;
    let known = keys();
    require_no_section(&table, &known)?;
    let unknown: Vec<_> = table
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .collect();
    if !unknown.is_empty() {
        let quoted: Vec<_> = unknown.iter().map(|key| format!("`{key}`")).collect();
        let advice: Vec<_> = unknown.iter().map(|key| advice(key, &known, command)).collect();
        let keys = if unknown.len() == 1 { "key" } else { "keys" };
        return Err(anyhow!("unknown {keys} {}", quoted.join(", "))).hint(|| advice.join("; "));
    }
    let args = toml::from_str(text).map_err(without_trailing_newline)?;
    require_one_on_cropping(&args)?;
    Ok(args)
}

/// Refuses sections, which other programs' files have.
fn require_no_section(table: &toml::Table, known: &[&str]) -> Result<()> {
    let is_section = |value: &toml::Value| match value {
        toml::Value::Table(_) => true,
        toml::Value::Array(values) => values.iter().any(toml::Value::is_table),
        _ => false,
    };
    let unknown =
        |(key, value): &(&String, &toml::Value)| is_section(value) && !known.contains(&key.as_str());
    match table.iter().find(unknown) {
        None => Ok(()),
        Some((key, _)) => Err(anyhow!("`{key}` is a section, expected keys without sections")).hint(|| {
            format!("remove the line `[{key}]`, or `{key}.` before a key: all keys stand at the top level")
        }),
    }
}

/// Refuses values that a saved state may have, since an earlier version took them, and a new run may not.
///
/// # Errors
/// There is such a value; its key is named.
pub(crate) fn require_in_range(args: &RunArgs) -> Result<()> {
    match args.temperature.map(Temperature::in_range) {
        Some(Err(error)) => Err(anyhow!("`temperature`: {error}"))
            .hint(|| "write another there, or override it with `--temperature T`".to_owned()),
        _ => Ok(()),
    }
}

/// Refuses a scale beside `crop = false`, which would have no effect. A saved file has both, with the recipe's scale.
fn require_one_on_cropping(args: &RunArgs) -> Result<()> {
    let (Some(false), Some(scale)) = (args.crop, args.crop_scale) else {
        return Ok(());
    };
    let mut recipes = Recipe::ALL.into_iter();
    let is_default =
        |recipe: Recipe| args.recipe.is_none_or(|own| own == recipe) && recipe.crop_scale() == scale.get();
    match recipes.any(is_default) {
        true => Ok(()),
        false => Err(anyhow!("`crop-scale` has no effect beside `crop = false`"))
            .hint(|| "leave out one of them".to_owned()),
    }
}

/// The keys that a file may have, sorted.
fn keys() -> Vec<&'static str> {
    let mut keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
    keys.sort_unstable();
    keys
}

/// What to write instead of an unknown key.
fn advice(unknown: &str, keys: &[&str], command: &Command) -> String {
    let option = unknown.trim_start_matches('-').replace('_', "-");
    match option.as_str() {
        "no-crop" => return "for `--no-crop` write `crop = false`".to_owned(),
        "no-init" | "no-teacher" | "no-val-fraction" => {
            return format!(
                "for `--{option}` leave out `{}`",
                option.trim_start_matches("no-")
            );
        }
        "no-flip" => return "for `--no-flip` write `flip = 0`".to_owned(),
        _ => {}
    }
    if !keys.contains(&option.as_str()) && command.get_arguments().any(|arg| arg.get_long() == Some(&option))
    {
        return format!("`--{option}` is an option of the command line only");
    }
    let similarity = |name: &str| strsim::jaro_winkler(name, &option);
    let nearest = keys
        .iter()
        .max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
    match nearest.filter(|name| similarity(name) >= SIMILAR) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the keys are {}", keys.join(", ")),
    }
}

fn without_trailing_newline(error: toml::de::Error) -> anyhow::Error {
    // What the types of the program are called says little.
    let message = error
        .to_string()
        .replace("a nonzero usize", "a whole number from 1");
    anyhow!("{}", message.trim_end().to_owned())
}

/// The error for a file whose settings contradict each other. `error` names options; keys are options without dashes.
pub(crate) fn contradiction(path: &Path, error: &anyhow::Error) -> anyhow::Error {
    let message = error.to_string().replace("`--", "`");
    anyhow!(message).context(format!("configuration `{}` cannot be used", path.display()))
}

impl Settings {
    /// The settings as the content of a configuration file.
    ///
    /// # Errors
    /// TOML cannot express a value, such as an integer of 64 bits or a path that is not UTF-8.
    pub fn to_toml(&self) -> Result<String> {
        let values = toml::to_string(self)?;
        Ok(format!(
            "{HEADER} {}; `mbn-train --config FILE` takes them again.\n{values}",
            env!("CARGO_PKG_VERSION")
        ))
    }
}

#[cfg(test)]
mod tests;
