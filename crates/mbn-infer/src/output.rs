//! Results on stdout or in a file, one format a module. A new format is a module and its lines in [`OutputFormat`].

mod csv;
mod destination;
mod earlier;
mod finished;
mod json;
mod made_by;
mod parquet;
mod path_text;
mod sink;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;

use crate::predictions::{Classified, TrueClass};

pub use destination::{Beginning, Destination, cannot_continue};
pub use earlier::{Counts, Earlier, Lines, Results, RowCount};
pub use made_by::{MadeBy, Unfinished};
pub use parquet::cause as parquet_cause;
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

    /// The format whose files end in the extension of `path`, if one does.
    pub fn of_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "json" | "jsonl" | "ndjson" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            "txt" => Some(Self::Text),
            _ => None,
        }
    }

    /// Warns of an output whose name promises another format.
    pub fn warn_of_name(self, output: Option<&Path>) {
        if let Some(path) = output
            && let Some(usual) = Self::of_name(path).filter(|usual| *usual != self)
        {
            log::warn!(
                "`{}` gets results in the format `{self}`, and has the name of a file in the format `{usual}`\n\
                 hint: `--format {usual}` writes that",
                path.display()
            );
        }
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
    /// The class that the image is known to be of.
    pub true_class: bool,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The format.
    pub format: OutputFormat,
    /// What is written besides the predictions.
    pub extra: Extra,
}

impl Form {
    /// How an unfinished file holds the results, unless it does not show every input. An image has at most `rows` rows in CSV.
    pub fn partial_lines(self, rows: usize) -> Option<Lines> {
        match self.format {
            OutputFormat::Text => None,
            OutputFormat::Json | OutputFormat::Parquet => Some(Lines::Json),
            OutputFormat::Csv => {
                let count = match self.extra.uncertain {
                    // Under a threshold, images have different numbers of rows.
                    true => RowCount::UpTo(rows),
                    false => RowCount::Always(rows),
                };
                Some(Lines::Csv(self.extra, count))
            }
        }
    }

    fn writer(self, sink: Sink) -> Result<Box<dyn Writer>> {
        self.writer_after(sink, false)
    }

    /// What writes after other results, if it `continues` them.
    fn writer_after(self, sink: Sink, continues: bool) -> Result<Box<dyn Writer>> {
        Ok(match self.format {
            OutputFormat::Text => Box::new(text::Text::new(sink)),
            OutputFormat::Json => Box::new(json::Json(sink)),
            OutputFormat::Csv => Box::new(csv::Csv::new(sink, self.extra, continues)?),
            OutputFormat::Parquet => Box::new(parquet::Parquet::new(sink, self.extra, None)?),
        })
    }
}

/// What writes the results in a format.
pub trait Writer {
    /// Adds an image, with the class that it is known to be of: its likeliest classes, or why there are none.
    ///
    /// # Errors
    /// What has been written so far cannot be passed on.
    fn image(
        &mut self,
        path: &Path,
        class: Option<TrueClass<'_>>,
        outcome: Result<&Classified<'_>, &str>,
    ) -> Result<()>;

    /// Passes on what has been written so far, if the format allows it.
    ///
    /// # Errors
    /// It cannot be passed on.
    fn flush(&mut self) -> Result<()>;

    /// Ends the results: passes on the rest, and gives a file its name.
    ///
    /// # Errors
    /// That cannot be done.
    fn finish(self: Box<Self>) -> Result<()>;
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

/// The name of an output in a message.
pub fn shown(path: Option<&Path>) -> String {
    path.map_or("stdout".to_owned(), |path| format!("`{}`", path.display()))
}

/// The start of an error about writing results.
pub fn cannot_write(path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("cannot write `{}`", path.display()),
        None => "cannot write to stdout".to_owned(),
    }
}

#[cfg(test)]
mod tests;
