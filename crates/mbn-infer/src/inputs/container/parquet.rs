//! Pictures in a column of a Parquet file: binary, or Hugging Face's `struct<bytes: binary, path: string>`.

mod footer;
mod types;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use mbn_data::caught;
use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::column::{Column, choose};
use super::rows::Rows;
use super::{Input, unless_unread};
use crate::output::parquet_cause as cause;

/// Rows that are read together: pictures are large.
const ROWS: usize = 8;

/// A Parquet file whose pictures are read row by row.
pub(super) struct ParquetTable {
    found: RowIter<'static>,
    rows: Rows,
    is_over: bool,
}

/// A row's picture and its name.
type Found = (Option<Vec<u8>>, Option<String>);

impl ParquetTable {
    /// Opens a file and finds its column of pictures, the one called `wanted` if that is given.
    pub(super) fn open(
        content: impl ChunkReader + 'static,
        path: &Path,
        wanted: Option<&str>,
    ) -> Result<Self> {
        let reader = guarded(|| {
            let options = ReadOptionsBuilder::new().with_parquet_schema(footer::schema(&content)?);
            SerializedFileReader::new_with_options(content, options.build()).map_err(cause)
        });
        let reader = unless_unread(reader, "it is no whole Parquet file")?;
        let schema = reader.metadata().file_metadata().schema();
        let fields = schema.get_fields();
        let columns: Vec<_> = fields.iter().map(|field| column(field)).collect();
        let column = needed(&fields[choose(&columns, wanted, path)?])?;
        let projection = Type::group_type_builder(schema.name())
            .with_fields(vec![column])
            .build()?;
        let found = guarded(|| {
            let rows = RowIter::from_file_into(Box::new(reader));
            let rows = rows.project(Some(projection)).map_err(cause)?;
            Ok(rows.with_batch_size(ROWS))
        });
        Ok(Self {
            found: found?,
            rows: Rows::of(path),
            is_over: false,
        })
    }

    fn row(&mut self) -> Result<Option<Found>> {
        guarded(|| match self.found.next() {
            Some(row) => Ok(Some(content(&row.map_err(cause)?))),
            None => Ok(None),
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
        match self.row() {
            Ok(Some((bytes, name))) => Some(self.rows.next(bytes, name)),
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(error) => {
                self.is_over = true;
                Some(self.rows.unreadable(&error))
            }
        }
    }
}

/// Content that contradicts itself makes the reader panic. It is then not asked again.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    match caught(read) {
        Some(read) => read,
        None => bail!(
            "its content contradicts its description, so it is damaged or of an unknown kind; write it anew, or check it with another reader"
        ),
    }
}

fn column(field: &Type) -> Column<'_> {
    let holds_pictures = match field.is_group() {
        true => {
            let mut fields = field.get_fields().iter();
            is_plain(field) && fields.any(|field| field.name() == "bytes" && is_binary(field))
        }
        false => is_binary(field),
    };
    Column {
        name: field.name(),
        kind: types::name(field),
        holds_pictures,
    }
}

fn is_binary(column: &Type) -> bool {
    column.is_primitive() && column.get_physical_type() == Physical::BYTE_ARRAY && is_plain(column)
}

/// Whether a field has one value in a row, which is no more than its type says: no list, map or text.
fn is_plain(field: &Type) -> bool {
    let info = field.get_basic_info();
    info.has_repetition()
        && info.repetition() != Repetition::REPEATED
        && info.converted_type() == ConvertedType::NONE
        && info.logical_type_ref().is_none()
}

/// A column of pictures without what else a struct may hold, whatever that is: only `bytes` and `path` are read.
fn needed(column: &Arc<Type>) -> Result<Arc<Type>> {
    if column.is_primitive() {
        return Ok(Arc::clone(column));
    }
    let is_needed = |field: &&Arc<Type>| match field.name() {
        "bytes" => is_binary(field),
        "path" => {
            field.is_primitive()
                && field.get_physical_type() == Physical::BYTE_ARRAY
                && field.get_basic_info().repetition() != Repetition::REPEATED
        }
        _ => false,
    };
    let fields = column.get_fields().iter().filter(is_needed);
    let group = Type::group_type_builder(column.name())
        .with_repetition(column.get_basic_info().repetition())
        .with_fields(fields.cloned().collect());
    Ok(Arc::new(group.build()?))
}

fn content(row: &Row) -> Found {
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

#[cfg(test)]
mod tests;
