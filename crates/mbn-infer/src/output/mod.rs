//! Results on stdout or in a file, one format a module.

mod csv;
mod json;
mod parquet;
mod sink;
mod text;

use std::path::Path;

use anyhow::{Context, Result};

use crate::options::Format;
use crate::predictions::Prediction;

pub use sink::Sink;

/// A format of results.
pub trait Writer {
    /// Adds an image: its likeliest classes, or why there are none.
    ///
    /// # Errors
    /// What has been written so far cannot be passed on.
    fn image(&mut self, path: &Path, outcome: Result<&[Prediction<'_>], &str>) -> Result<()>;

    /// Passes on what has been written so far, where the format allows it.
    ///
    /// # Errors
    /// It cannot be passed on.
    fn flush(&mut self) -> Result<()>;

    /// Ends the format and gives back where it was written to.
    ///
    /// # Errors
    /// The rest cannot be passed on.
    fn finish(self: Box<Self>) -> Result<Sink>;
}

/// A writer of `format` to the file `path`, else to stdout.
///
/// # Errors
/// The file's folder cannot be written to.
pub fn open(format: Format, path: Option<&Path>) -> Result<Box<dyn Writer>> {
    let sink = match path {
        Some(path) => Sink::file(path).with_context(|| format!("cannot write `{}`", path.display()))?,
        None => Sink::stdout(),
    };
    Ok(match format {
        Format::Text => Box::new(text::Text(sink)),
        Format::Json => Box::new(json::Json(sink)),
        Format::Csv => Box::new(csv::Csv::new(sink)?),
        Format::Parquet => Box::new(parquet::Parquet::new(sink)?),
    })
}

#[cfg(test)]
mod tests;
