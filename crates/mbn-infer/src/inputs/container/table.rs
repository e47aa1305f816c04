//! Pictures in a column of a Parquet file: binary, or Hugging Face's `struct<bytes: binary, path: string>`.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mbn_spec::text::listed;
use parquet::basic::{ConvertedType, Type as Physical};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::Input;

/// Rows that are read together: pictures are large.
const ROWS: usize = 8;

/// Names that a column of pictures usually has, if several columns may be it.
const USUAL: [&str; 6] = ["image", "img", "picture", "photo", "jpg", "png"];

/// Columns that an error lists.
const LISTED: usize = 12;

/// A Parquet file whose pictures are read row by row.
pub(in super::super) struct Table {
    path: PathBuf,
    rows: RowIter<'static>,
    /// Rows so far.
    number: u64,
    is_over: bool,
}

impl Table {
    /// Opens a file and finds its column of pictures.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let reader = SerializedFileReader::new(File::open(path)?).context("it is no whole Parquet file")?;
        let schema = reader.metadata().file_metadata().schema();
        let column = column(schema)?;
        let projection = Type::group_type_builder(schema.name())
            .with_fields(vec![column])
            .build()?;
        let rows = RowIter::from_file_into(Box::new(reader)).with_batch_size(ROWS);
        Ok(Self {
            path: path.to_owned(),
            rows: rows.project(Some(projection))?,
            number: 0,
            is_over: false,
        })
    }

    /// The picture of the next row. After a row that cannot be read there are no more.
    pub(super) fn next(&mut self) -> Option<Input> {
        if self.is_over {
            return None;
        }
        let row = self.rows.next()?;
        let number = self.number;
        self.number += 1;
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                self.is_over = true;
                return Some(Input {
                    problem: Some(format!("row {number} and those after it cannot be read: {error}")),
                    ..Input::file(self.path.clone())
                });
            }
        };
        let (bytes, name) = content(&row);
        let mut path = OsString::from(&self.path);
        path.push("/");
        path.push(name.unwrap_or_else(|| number.to_string()));
        Some(Input {
            problem: bytes.is_none().then(|| format!("row {number} has no picture")),
            bytes,
            ..Input::file(path.into())
        })
    }
}

/// The column that holds pictures.
fn column(schema: &Type) -> Result<std::sync::Arc<Type>> {
    let columns = schema.get_fields();
    let suitable: Vec<_> = columns.iter().filter(|column| holds_pictures(column)).collect();
    let usual = || {
        USUAL
            .iter()
            .find_map(|name| suitable.iter().find(|column| column.name() == *name))
    };
    let found = match &suitable[..] {
        [one] => Some(one),
        _ => usual(),
    };
    if let Some(found) = found {
        return Ok(std::sync::Arc::clone(found));
    }
    let names =
        |columns: &mut dyn Iterator<Item = &str>| listed(columns.map(|name| format!("`{name}`")), LISTED);
    match suitable.len() {
        0 => bail!(
            "it has no column of images, expected one of binary data or of `struct<bytes, path>`; its columns are {}",
            names(&mut columns.iter().map(|column| column.name()))
        ),
        _ => bail!(
            "several of its columns may hold images, {}, expected one of them to be called `image`",
            names(&mut suitable.iter().map(|column| column.name()))
        ),
    }
}

/// Whether a column is binary, or a struct with binary `bytes`.
fn holds_pictures(column: &Type) -> bool {
    if !column.is_group() {
        return is_binary(column);
    }
    column
        .get_fields()
        .iter()
        .any(|field| field.name() == "bytes" && is_binary(field))
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
