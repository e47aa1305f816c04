//! Pictures in a column of an Arrow stream or file (IPC): binary in any of its layouts, or Hugging Face's
//! `struct<bytes: binary, path: string>`. A file is a stream with something before and behind it, so both are read from front to end.

mod batches;
mod types;

use std::io::Read;
use std::path::Path;

use anyhow::Result;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field};

use super::Input;
use super::column::{Column, choose};
use super::rows::Rows;
use batches::{Batches, Found};

/// Arrow data whose pictures are read row by row, a batch of them in memory at a time.
pub(super) struct ArrowTable<R> {
    batches: Batches<R>,
    rows: Rows,
    /// The column in the batch that is being read, and the next row of it.
    batch: Option<(ArrayRef, usize)>,
    is_over: bool,
}

impl<R: Read> ArrowTable<R> {
    /// Reads the schema and finds the column of pictures, the one called `wanted` if that is given.
    pub(super) fn open(content: R, path: &Path, wanted: Option<&str>) -> Result<Self> {
        let mut batches = Batches::open(content)?;
        let schema = batches.schema();
        let columns: Vec<_> = schema.fields().iter().map(|field| column(field)).collect();
        let place = choose(&columns, wanted, path)?;
        batches.select(place);
        Ok(Self {
            batches,
            rows: Rows::of(path),
            batch: None,
            is_over: false,
        })
    }
}

impl<R: Read> Iterator for ArrowTable<R> {
    type Item = Input;

    /// The picture of the next row. After a batch that cannot be read there are no more.
    fn next(&mut self) -> Option<Input> {
        while !self.is_over {
            if let Some((column, row)) = &mut self.batch {
                if *row < column.len() {
                    let (bytes, name) = content(column, *row);
                    *row += 1;
                    return Some(self.rows.next(bytes, name));
                }
                self.batch = None;
            }
            match self.batches.next() {
                Ok(Found::Column(column)) => self.batch = Some((column, 0)),
                Ok(Found::End) => self.is_over = true,
                Ok(Found::Cut) => {
                    self.is_over = true;
                    return Some(self.rows.cut());
                }
                Err(error) => {
                    self.is_over = true;
                    return Some(self.rows.unreadable(&error));
                }
            }
        }
        None
    }
}

fn column(field: &Field) -> Column<'_> {
    let holds_pictures = match field.data_type() {
        DataType::Struct(fields) => fields
            .iter()
            .any(|field| field.name() == "bytes" && is_binary(field.data_type())),
        kind => is_binary(kind),
    };
    Column {
        name: field.name(),
        kind: types::name(field.data_type()),
        holds_pictures,
    }
}

fn is_binary(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView
    )
}

/// A row's picture and its name.
fn content(column: &ArrayRef, row: usize) -> (Option<Vec<u8>>, Option<String>) {
    let Some(fields) = column.as_struct_opt() else {
        return (bytes(column, row), None);
    };
    if fields.is_null(row) {
        return (None, None);
    }
    let bytes = fields
        .column_by_name("bytes")
        .and_then(|column| bytes(column, row));
    let name = fields.column_by_name("path").and_then(|column| text(column, row));
    (bytes, name.filter(|name| !name.is_empty()))
}

fn bytes(column: &ArrayRef, row: usize) -> Option<Vec<u8>> {
    if column.is_null(row) {
        return None;
    }
    let found = match column.data_type() {
        DataType::Binary => column.as_binary::<i32>().value(row),
        DataType::LargeBinary => column.as_binary::<i64>().value(row),
        DataType::BinaryView => column.as_binary_view().value(row),
        _ => return None,
    };
    Some(found.to_vec())
}

fn text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    let found = match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row),
        DataType::Utf8View => column.as_string_view().value(row),
        _ => return None,
    };
    Some(found.to_owned())
}

#[cfg(test)]
mod tests;
