//! The results in a finished Parquet file, image by image.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_data::caught;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Row, RowAccessor};

use super::super::{Earlier, Extra};
use super::{MADE_BY, cause, schema};

/// The images of a file.
pub(in super::super) struct Images {
    rows: RowIter<'static>,
    made_by: Option<String>,
    /// A row that was read to see whether it belongs to the image before it.
    ahead: Option<Row>,
    /// Rows so far.
    number: u64,
}

impl Images {
    /// Opens a file; `None` if it does not hold results with what is `extra`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(in super::super) fn open(path: &Path, extra: Extra) -> Result<Option<Self>> {
        let file = File::open(path)?;
        // What contradicts itself makes the reader panic.
        let reader = caught(|| SerializedFileReader::new(file));
        let Some(Ok(reader)) = reader else {
            return Ok(None);
        };
        let metadata = reader.metadata().file_metadata();
        if metadata.schema() != &schema(extra)? {
            return Ok(None);
        }
        let pairs = metadata.key_value_metadata().into_iter().flatten();
        let made_by = pairs
            .filter(|pair| pair.key == MADE_BY)
            .find_map(|pair| pair.value.clone());
        Ok(Some(Self {
            rows: RowIter::from_file_into(Box::new(reader)),
            made_by,
            ahead: None,
            number: 0,
        }))
    }

    /// What made it, if the file says so.
    pub(in super::super) fn made_by(&self) -> Option<&str> {
        self.made_by.as_deref()
    }

    /// The next image, with all its rows.
    ///
    /// # Errors
    /// A row cannot be read, or is none of results.
    pub(in super::super) fn next(&mut self) -> io::Result<Option<Earlier>> {
        let Some(first) = self.take()? else {
            return Ok(None);
        };
        let path = first.get_string(0).map_err(|_| self.odd())?.clone();
        match rank(&first) {
            None => return Ok(Some(Earlier::failed(path))),
            Some(1) => {}
            Some(_) => return Err(self.odd()),
        }
        let mut found = Earlier {
            path,
            failed: false,
            classes: vec![class(&first).ok_or_else(|| self.odd())?],
            extra: None,
        };
        while let Some(row) = self.take()? {
            if rank(&row).is_none_or(|rank| rank == 1) {
                self.ahead = Some(row);
                break;
            }
            let place = i32::try_from(found.classes.len() + 1).ok();
            if rank(&row) != place || row.get_string(0).ok() != Some(&found.path) {
                return Err(self.odd());
            }
            found.classes.push(class(&row).ok_or_else(|| self.odd())?);
        }
        Ok(Some(found))
    }

    fn take(&mut self) -> io::Result<Option<Row>> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        let row = caught(|| self.rows.next());
        let row = row.ok_or_else(|| {
            let why = format!("row {} contradicts the file's description", self.number);
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        self.number += u64::from(row.is_some());
        row.transpose().map_err(|error| {
            let error = cause(error);
            error
                .downcast()
                .unwrap_or_else(|error| io::Error::other(anyhow!(error)))
        })
    }

    /// That the row that was read last is none of results.
    fn odd(&self) -> io::Error {
        let number = self.number.saturating_sub(1);
        let why = format!("row {number} is not one that this program writes");
        io::Error::new(io::ErrorKind::InvalidData, why)
    }
}

/// An image has one row of rank 1, and a failure one without a rank.
fn rank(row: &Row) -> Option<i32> {
    row.get_int(1).ok()
}

fn class(row: &Row) -> Option<(usize, String)> {
    let index = row.get_int(3).ok()?.try_into().ok()?;
    Some((index, row.get_string(2).ok()?.clone()))
}
