//! A Parquet file that is kept as JSON lines while it is unfinished: Parquet cannot be read, or continued, before its end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use mbn_cli::interrupt;
use mbn_files::PartialFile;
use mbn_files::atomic::AtomicFile;
use serde::Deserialize;

use super::super::json::Json;
use super::super::{Extra, Sink, Writer};
use super::Parquet;
use crate::predictions::{Classified, Prediction, TrueClass};
use crate::work::Interrupted;

/// Lines that are converted before the program looks whether the user asked it to stop, in a few milliseconds.
const LINES: usize = 1024;

pub(in super::super) struct Spooled {
    lines: Json,
    extra: Extra,
    made_by: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    path: String,
    predictions: Option<Vec<Found>>,
    uncertain: Option<bool>,
    logits: Option<Vec<f32>>,
    error: Option<String>,
    class: Option<Class>,
}

#[derive(Deserialize)]
struct Class {
    label: String,
    index: usize,
}

#[derive(Deserialize)]
struct Found {
    label: String,
    index: usize,
    probability: f32,
}

impl Spooled {
    pub(in super::super) fn new(file: PartialFile, extra: Extra, made_by: Option<String>) -> Self {
        let lines = Json(Sink::file(file));
        Self {
            lines,
            extra,
            made_by,
        }
    }
}

impl Writer for Spooled {
    fn image(
        &mut self,
        path: &Path,
        class: Option<TrueClass<'_>>,
        outcome: Result<&Classified<'_>, &str>,
    ) -> Result<()> {
        self.lines.image(path, class, outcome)
    }

    fn flush(&mut self) -> Result<()> {
        self.lines.flush()
    }

    /// Writes the Parquet file, and removes the lines.
    fn finish(self: Box<Self>) -> Result<()> {
        let Sink::File(lines) = self.lines.0 else {
            bail!("the lines are not in a file");
        };
        let lines = lines.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let partial = lines.partial_path();
        let file = convert(
            partial,
            AtomicFile::create(lines.path())?,
            self.extra,
            self.made_by,
            interrupt::requested,
        );
        let file = file.with_context(|| format!("cannot convert `{}`", partial.display()))?;
        file.commit()?;
        Ok(lines.discard()?)
    }
}

/// Writes the results in the JSON lines `from` to `to`.
///
/// # Errors
/// [`Interrupted`] soon after `is_stopped`; the lines cannot be read, or the results not written.
fn convert(
    from: &Path,
    to: AtomicFile,
    extra: Extra,
    made_by: Option<String>,
    mut is_stopped: impl FnMut() -> bool,
) -> Result<AtomicFile> {
    let mut parquet = Parquet::new(to, extra, made_by)?;
    for (number, line) in BufReader::new(File::open(from)?).lines().enumerate() {
        if number % LINES == 0 && is_stopped() {
            return Err(Interrupted.into());
        }
        let line: Line = serde_json::from_str(&line?)?;
        let predictions = line.predictions.unwrap_or_default();
        let predictions: Vec<_> = predictions
            .iter()
            .map(|found| Prediction {
                label: &found.label,
                index: found.index,
                probability: found.probability,
            })
            .collect();
        let found = Classified {
            predictions: &predictions,
            is_uncertain: line.uncertain,
            logits: line.logits.as_deref(),
            features: None,
        };
        let outcome = line.error.as_deref().map_or(Ok(&found), Err);
        let class = line.class.as_ref().map(|class| TrueClass {
            label: &class.label,
            index: class.index,
        });
        parquet.add(&line.path, class, outcome)?;
    }
    parquet.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversion_ends_soon_after_it_was_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let lines = folder.path().join("out.partial");
        let line = "{\"path\":\"a.png\",\"error\":\"no such file\"}\n";
        std::fs::write(&lines, line.repeat(10 * LINES)).unwrap();
        let out = folder.path().join("out");
        let convert = |is_stopped: &mut dyn FnMut() -> bool| {
            convert(
                &lines,
                AtomicFile::create(&out).unwrap(),
                Extra::default(),
                None,
                is_stopped,
            )
        };
        let mut asked = 0;
        let stopped = convert(&mut || {
            asked += 1;
            asked == 4
        });
        let error = stopped.context("cannot convert").unwrap_err();
        assert!(error.is::<Interrupted>() && asked == 4, "{error:#}");
        assert!(!out.exists() && lines.exists());
        convert(&mut || false).unwrap().commit().unwrap();
        assert!(out.exists());
    }
}
