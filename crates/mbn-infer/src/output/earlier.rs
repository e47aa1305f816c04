//! What an earlier run wrote, read back: JSON lines, or CSV. What is not whole, as a process leaves it that is killed while it writes,
//! is told from the rest.

mod records;
mod rows;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Extra;
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
    /// There are none.
    Nothing,
}

#[derive(Deserialize)]
struct Line {
    path: String,
    predictions: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
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
    pub fn count(mut self) -> io::Result<Counts> {
        let mut counts = Counts::default();
        for earlier in &mut self {
            match earlier?.failed {
                true => counts.failed += 1,
                false => counts.classified += 1,
            }
        }
        counts.end = self.end;
        Ok(counts)
    }

    /// Bytes of the header and of what was taken since.
    fn taken(&self) -> u64 {
        match &self.reader {
            Reader::Json(records) => records.read(),
            Reader::Csv(rows) => rows.end(),
            Reader::Nothing => 0,
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
    let failed = line.error.is_some();
    Ok((failed != line.predictions.is_some()).then_some(Earlier {
        path: line.path,
        failed,
    }))
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
