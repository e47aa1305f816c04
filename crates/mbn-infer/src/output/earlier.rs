//! What an earlier run wrote, read back: JSON lines, CSV, or a finished Parquet file. What is not whole, as a process leaves it that is killed while it writes,
//! is told from the rest.

mod records;
mod rows;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Extra, parquet};
use records::Records;
use rows::Rows;

pub use rows::RowCount;

/// How results are written line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// JSON objects.
    Json,
    /// CSV with these columns and so many rows for an image.
    Csv(Extra, RowCount),
}

/// What an earlier run found for one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The input's path, as [`super::path_text`] writes it.
    pub path: String,
    /// It could not be classified.
    pub failed: bool,
    /// Index and name of each class in its result.
    pub classes: Vec<(usize, String)>,
    /// What its result has besides, if that is not the same for the whole file.
    pub extra: Option<Extra>,
}

impl Earlier {
    /// What was found for an input that could not be classified.
    pub(super) fn failed(path: String) -> Self {
        Self {
            path,
            failed: true,
            classes: Vec::new(),
            extra: None,
        }
    }
}

/// Counts of an earlier run's results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Images that were classified.
    pub classified: u64,
    /// Inputs that could not be classified.
    pub failed: u64,
    /// Where the last whole result ends, in bytes.
    pub end: u64,
}

impl Counts {
    /// Number of inputs.
    pub fn inputs(&self) -> u64 {
        self.classified + self.failed
    }
}

/// The results of an earlier run in their order, up to the first that is not whole.
pub struct Results {
    reader: Reader,
    /// Where the last whole result ends, in bytes.
    end: u64,
    is_over: bool,
}

enum Reader {
    Json(Records),
    Csv(Rows),
    Parquet(Box<parquet::Images>),
    /// There are none.
    Nothing,
}

#[derive(Deserialize)]
struct Line {
    path: String,
    predictions: Option<Vec<Class>>,
    uncertain: Option<IgnoredAny>,
    logits: Option<IgnoredAny>,
    features: Option<IgnoredAny>,
    class: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Class {
    label: String,
    index: usize,
}

impl Results {
    /// The results in a file that ends with a whole one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path, lines: Lines) -> io::Result<Self> {
        Self::new(Box::new(File::open(path)?), lines, false)
    }

    /// The results in a file that was cut anywhere. The last one is left out if it may lack rows.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open_cut(path: &Path, lines: Lines) -> io::Result<Self> {
        Self::new(Box::new(File::open(path)?), lines, true)
    }

    /// The results in a Parquet file.
    pub(super) fn of_parquet(images: parquet::Images) -> Self {
        Self {
            reader: Reader::Parquet(Box::new(images)),
            end: 0,
            is_over: false,
        }
    }

    fn new(content: Box<dyn Read + Send>, lines: Lines, may_be_cut: bool) -> io::Result<Self> {
        let records = Records::new(content);
        let reader = match lines {
            Lines::Json => Reader::Json(records),
            Lines::Csv(extra, count) => {
                let rows = Rows::new(records, extra, count, may_be_cut)?;
                rows.map_or(Reader::Nothing, Reader::Csv)
            }
        };
        let mut results = Self {
            reader,
            end: 0,
            is_over: false,
        };
        results.end = results.taken();
        Ok(results)
    }

    /// Counts them.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn count(self) -> io::Result<Counts> {
        self.count_checked(|_, _| Ok(()))
    }

    /// Counts them, and calls `check` with each and its number, from 1 on.
    ///
    /// # Errors
    /// They cannot be read; what `check` finds wrong.
    pub fn count_checked<E: From<io::Error>>(
        mut self,
        mut check: impl FnMut(u64, &Earlier) -> Result<(), E>,
    ) -> Result<Counts, E> {
        let mut counts = Counts::default();
        for earlier in &mut self {
            let earlier = earlier?;
            match earlier.failed {
                true => counts.failed += 1,
                false => counts.classified += 1,
            }
            check(counts.inputs(), &earlier)?;
        }
        counts.end = self.end;
        Ok(counts)
    }

    /// Bytes of the header and of what was taken since, in a file of lines.
    fn taken(&self) -> u64 {
        match &self.reader {
            Reader::Json(records) => records.read(),
            Reader::Csv(rows) => rows.end(),
            Reader::Parquet(_) | Reader::Nothing => 0,
        }
    }
}

/// The result on the next line.
fn object(records: &mut Records) -> io::Result<Option<Earlier>> {
    let Some(line) = records.next(|_| true)? else {
        return Ok(None);
    };
    let Ok(line) = serde_json::from_slice::<Line>(&line) else {
        return Ok(None);
    };
    Ok(match (line.predictions, line.error) {
        (None, Some(_)) => Some(Earlier::failed(line.path)),
        (Some(predictions), None) => Some(Earlier {
            path: line.path,
            failed: false,
            classes: predictions
                .into_iter()
                .map(|class| (class.index, class.label))
                .collect(),
            extra: Some(Extra {
                uncertain: line.uncertain.is_some(),
                logits: line.logits.is_some(),
                features: line.features.is_some(),
                true_class: line.class.is_some(),
            }),
        }),
        _ => None,
    })
}

impl Iterator for Results {
    type Item = io::Result<Earlier>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let result = match &mut self.reader {
            Reader::Json(records) => object(records),
            Reader::Csv(rows) => rows.image(),
            Reader::Parquet(images) => images.next(),
            Reader::Nothing => Ok(None),
        };
        let result = result.transpose();
        match &result {
            Some(Ok(_)) => self.end = self.taken(),
            _ => self.is_over = true,
        }
        result
    }
}

#[cfg(test)]
mod tests;
