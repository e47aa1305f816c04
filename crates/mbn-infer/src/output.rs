//! Results on stdout or in a file, one format a module. A new format is a module and its lines in [`OutputFormat`].

mod csv;
mod json;
mod parquet;
mod path_text;
mod sink;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::predictions::Classified;

pub use path_text::path_text;
pub use sink::Sink;

/// Values of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A line for each image, to be read
    Text,
    /// A JSON object on a line for each image
    Json,
    /// A row for each image and class
    Csv,
    /// A row for each image and class, as Apache Parquet
    Parquet,
}

impl OutputFormat {
    /// Whether a terminal cannot show it.
    pub fn is_binary(self) -> bool {
        self == Self::Parquet
    }

    fn writer(self, sink: Sink, extra: Extra) -> Result<Box<dyn Writer>> {
        Ok(match self {
            Self::Text => Box::new(text::Text::new(sink)),
            Self::Json => Box::new(json::Json(sink)),
            Self::Csv => Box::new(csv::Csv::new(sink, extra)?),
            Self::Parquet => Box::new(parquet::Parquet::new(sink, extra)?),
        })
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// What is written besides the predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// Whether the result is uncertain.
    pub uncertain: bool,
    /// Logits.
    pub logits: bool,
    /// Pooled features.
    pub features: bool,
}

/// What writes the results in a format.
pub trait Writer {
    /// Adds an image: its likeliest classes, or why there are none.
    ///
    /// # Errors
    /// What has been written so far cannot be passed on.
    fn image(&mut self, path: &Path, outcome: Result<&Classified<'_>, &str>) -> Result<()>;

    /// Passes on what has been written so far, if the format allows it.
    ///
    /// # Errors
    /// It cannot be passed on.
    fn flush(&mut self) -> Result<()>;

    /// Ends the results and gives back the sink.
    ///
    /// # Errors
    /// The rest cannot be passed on.
    fn finish(self: Box<Self>) -> Result<Sink>;
}

/// A name that stays on one line of a terminal: control characters, newlines included, are escaped as in Rust.
pub fn printable(name: &str) -> Cow<'_, str> {
    if !name.contains(char::is_control) {
        return name.into();
    }
    let mut escaped = String::new();
    for c in name.chars() {
        match c.is_control() {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped.into()
}

/// The start of an error about writing results.
pub fn cannot_write(path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("cannot write `{}`", path.display()),
        None => "cannot write to stdout".to_owned(),
    }
}

/// A writer of `format` with what is `extra` to the file `path`, or to stdout.
///
/// # Errors
/// As [`Sink::open`].
pub fn open(format: OutputFormat, extra: Extra, path: Option<&Path>) -> Result<Box<dyn Writer>> {
    let sink = path.map_or_else(|| Ok(Sink::stdout()), Sink::open);
    let sink = sink.with_context(|| cannot_write(path))?;
    format.writer(sink, extra).with_context(|| cannot_write(path))
}

#[cfg(test)]
mod tests;
