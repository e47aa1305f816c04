//! Pictures in a column of a Parquet file: binary, or Hugging Face's `struct<bytes: binary, path: string>`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::basic::{ConvertedType, Type as Physical};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::Input;
use super::column::{Column, choose};
use super::rows::Rows;

/// Rows that are read together: pictures are large.
const ROWS: usize = 8;

/// A Parquet file whose pictures are read row by row.
pub(super) struct ParquetTable {
    found: RowIter<'static>,
    rows: Rows,
    is_over: bool,
}

impl ParquetTable {
    /// Opens a file and finds its column of pictures, the one called `wanted` if that is given.
    pub(super) fn open(
        content: impl ChunkReader + 'static,
        path: &Path,
        wanted: Option<&str>,
    ) -> Result<Self> {
        let reader = SerializedFileReader::new(content).context("it is no whole Parquet file")?;
        let schema = reader.metadata().file_metadata().schema();
        let fields = schema.get_fields();
        let columns: Vec<_> = fields.iter().map(|field| column(field)).collect();
        let column = Arc::clone(&fields[choose(&columns, wanted)?]);
        let projection = Type::group_type_builder(schema.name())
            .with_fields(vec![column])
            .build()?;
        let found = RowIter::from_file_into(Box::new(reader)).with_batch_size(ROWS);
        Ok(Self {
            found: found.project(Some(projection))?,
            rows: Rows::of(path),
            is_over: false,
        })
    }
}

impl Iterator for ParquetTable {
    type Item = Input;

    /// The picture of the next row. After a row that cannot be read there are no more.
    fn next(&mut self) -> Option<Input> {
        if self.is_over {
            return None;
        }
        match self.found.next()? {
            Ok(row) => {
                let (bytes, name) = content(&row);
                Some(self.rows.next(bytes, name))
            }
            Err(error) => {
                self.is_over = true;
                Some(self.rows.unreadable(&error))
            }
        }
    }
}

fn column(field: &Type) -> Column<'_> {
    let holds_pictures = match field.is_group() {
        true => field
            .get_fields()
            .iter()
            .any(|field| field.name() == "bytes" && is_binary(field)),
        false => is_binary(field),
    };
    Column {
        name: field.name(),
        holds_pictures,
    }
}

fn is_binary(column: &Type) -> bool {
    column.is_primitive()
        && column.get_physical_type() == Physical::BYTE_ARRAY
        && column.get_basic_info().converted_type() == ConvertedType::NONE
        && column.get_basic_info().logical_type_ref().is_none()
}

/// A row's picture and its name.
fn content(row: &Row) -> (Option<Vec<u8>>, Option<String>) {
    let (mut bytes, mut name) = (None, None);
    for (_, column) in row.get_column_iter() {
        match column {
            Field::Bytes(found) => bytes = Some(found.data().to_vec()),
            Field::Group(fields) => {
                for (field, value) in fields.get_column_iter() {
                    match (field.as_str(), value) {
                        ("bytes", Field::Bytes(found)) => bytes = Some(found.data().to_vec()),
                        ("path", Field::Str(found)) if !found.is_empty() => name = Some(found.clone()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (bytes, name)
}
