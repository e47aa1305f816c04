//! Results in CSV, where an image has a row for each of its classes.

use std::io;

use ::csv::{ReaderBuilder, StringRecord};

use super::Earlier;
use super::records::Records;
use crate::output::{Extra, csv};

/// How many rows an image has that was classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowCount {
    /// So many.
    Always(usize),
    /// At least one, and at most so many: under a threshold, unlikely classes have none.
    UpTo(usize),
}

impl RowCount {
    fn most(self) -> usize {
        match self {
            Self::Always(n) | Self::UpTo(n) => n,
        }
    }
}

/// The rows of a file, image by image.
pub(super) struct Rows {
    records: Records,
    columns: usize,
    count: RowCount,
    /// The file may lack what followed its last row.
    may_be_cut: bool,
    /// A row that was read to see whether it belongs to the image before it.
    ahead: Option<Row>,
    /// Where the last row ends that was taken, in bytes.
    end: u64,
}

struct Row {
    fields: StringRecord,
    end: u64,
}

impl Row {
    fn path(&self) -> &str {
        &self.fields[0]
    }

    fn rank(&self) -> &str {
        &self.fields[1]
    }

    /// Index and name of its class; `None` if there is no such number.
    fn class(&self) -> Option<(usize, String)> {
        Some((self.fields[3].parse().ok()?, self.fields[2].to_owned()))
    }

    /// Whether an image begins with this row: with its likeliest class, or with the only row of one that could not be classified.
    fn is_first(&self) -> bool {
        matches!(self.rank(), "" | "1")
    }
}

impl Rows {
    /// The rows behind the header; `None` if the file has another one.
    pub(super) fn new(
        records: Records,
        extra: Extra,
        count: RowCount,
        may_be_cut: bool,
    ) -> io::Result<Option<Self>> {
        let header = csv::header(extra);
        let mut rows = Self {
            records,
            columns: header.len(),
            count,
            may_be_cut,
            ahead: None,
            end: 0,
        };
        let head = rows.take()?;
        Ok(head
            .is_some_and(|head| head.fields.iter().eq(header))
            .then_some(rows))
    }

    /// Where the last image ends, in bytes.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// All rows of the next image. `None` if some may be missing.
    pub(super) fn image(&mut self) -> io::Result<Option<Earlier>> {
        let Some(first) = self.take()?.filter(Row::is_first) else {
            return Ok(None);
        };
        let path = first.path().to_owned();
        if first.rank().is_empty() {
            return Ok(Some(Earlier::failed(path)));
        }
        let mut found = Earlier {
            path,
            failed: false,
            classes: Vec::new(),
            extra: None,
        };
        let Some(class) = first.class() else {
            return Ok(None);
        };
        found.classes.push(class);
        let (may_end, may_be_cut) = (matches!(self.count, RowCount::UpTo(_)), self.may_be_cut);
        for rank in 2..=self.count.most() {
            let belongs = |row: &Row| row.path() == found.path && row.rank() == rank.to_string();
            match self.peek()? {
                Some(row) if belongs(row) => match self.take()?.and_then(|row| row.class()) {
                    Some(class) => found.classes.push(class),
                    None => return Ok(None),
                },
                Some(row) if may_end && row.is_first() => break,
                None if may_end && !may_be_cut => break,
                _ => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    fn peek(&mut self) -> io::Result<Option<&Row>> {
        if self.ahead.is_none() {
            self.ahead = self.read()?;
        }
        Ok(self.ahead.as_ref())
    }

    fn take(&mut self) -> io::Result<Option<Row>> {
        let row = match self.ahead.take() {
            None => self.read()?,
            row => row,
        };
        if let Some(row) = &row {
            self.end = row.end;
        }
        Ok(row)
    }

    fn read(&mut self) -> io::Result<Option<Row>> {
        // A line break between quotes belongs to a name.
        let is_whole = |row: &[u8]| row.iter().filter(|byte| **byte == b'"').count() % 2 == 0;
        let Some(row) = self.records.next(is_whole)? else {
            return Ok(None);
        };
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(&row[..]);
        let fields = reader.records().next().and_then(Result::ok);
        let fields = fields.filter(|fields| fields.len() == self.columns);
        Ok(fields.map(|fields| Row {
            fields,
            end: self.records.read(),
        }))
    }
}
