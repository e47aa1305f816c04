//! Apache Parquet with the columns of the CSV format, without features; `rank`, `label`, `index` and `probability` are null
//! where `error` is not.

mod images;
mod spool;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;

use super::{Extra, Sink, Writer, path_text};
use crate::predictions::{Classified, Prediction, TrueClass};

pub(super) use images::Images;
pub(super) use spool::Spooled;

const COLUMNS: &str = "
    REQUIRED BYTE_ARRAY path (UTF8);
    OPTIONAL INT32 rank;
    OPTIONAL BYTE_ARRAY label (UTF8);
    OPTIONAL INT32 index;
    OPTIONAL FLOAT probability;
    OPTIONAL BYTE_ARRAY error (UTF8);";
const UNCERTAIN: &str = "OPTIONAL BOOLEAN uncertain;";
const LOGIT: &str = "OPTIONAL FLOAT logit;";
const TRUE_CLASS: &str = "OPTIONAL BYTE_ARRAY true_label (UTF8); OPTIONAL INT32 true_index;";

/// What the file's metadata calls what made it.
const MADE_BY: &str = "mbn_infer.made_by";

/// Rows that are kept before they are written together.
const ROW_GROUP: usize = 1 << 16;

pub(super) struct Parquet<W: Write + Send = Sink> {
    file: SerializedFileWriter<W>,
    extra: Extra,
    rows: Rows,
}

/// A column: the values that are there, and for each row 1 if it has one, else 0.
struct Column<T> {
    values: Vec<T>,
    levels: Vec<i16>,
}

#[derive(Default)]
struct Rows {
    path: Column<ByteArray>,
    rank: Column<i32>,
    label: Column<ByteArray>,
    index: Column<i32>,
    probability: Column<f32>,
    error: Column<ByteArray>,
    uncertain: Column<bool>,
    logit: Column<f32>,
    true_label: Column<ByteArray>,
    true_index: Column<i32>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            levels: Vec::new(),
        }
    }
}

impl<T> Column<T> {
    fn push(&mut self, value: Option<T>) {
        self.levels.push(value.is_some().into());
        self.values.extend(value);
    }
}

impl<W: Write + Send> Parquet<W> {
    /// `made_by`, if it is known, is kept in the file's metadata.
    pub(super) fn new(sink: W, extra: Extra, made_by: Option<String>) -> Result<Self> {
        let schema = schema(extra)?;
        let made_by = made_by.map(|text| vec![KeyValue::new(MADE_BY.to_owned(), text)]);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(made_by)
            .build();
        let file = SerializedFileWriter::new(sink, Arc::new(schema), Arc::new(properties)).map_err(cause)?;
        Ok(Self {
            file,
            extra,
            rows: Rows::default(),
        })
    }

    fn write_rows(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        if rows.path.levels.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        // A required column has no levels.
        write::<ByteArrayType, _>(&mut group, &rows.path.values, None)?;
        write::<Int32Type, _>(&mut group, &rows.rank.values, Some(&rows.rank.levels))?;
        write::<ByteArrayType, _>(&mut group, &rows.label.values, Some(&rows.label.levels))?;
        write::<Int32Type, _>(&mut group, &rows.index.values, Some(&rows.index.levels))?;
        write::<FloatType, _>(
            &mut group,
            &rows.probability.values,
            Some(&rows.probability.levels),
        )?;
        write::<ByteArrayType, _>(&mut group, &rows.error.values, Some(&rows.error.levels))?;
        if self.extra.uncertain {
            let Column { values, levels } = &rows.uncertain;
            write::<BoolType, _>(&mut group, values, Some(levels))?;
        }
        if self.extra.logits {
            write::<FloatType, _>(&mut group, &rows.logit.values, Some(&rows.logit.levels))?;
        }
        if self.extra.true_class {
            let (label, index) = (&rows.true_label, &rows.true_index);
            write::<ByteArrayType, _>(&mut group, &label.values, Some(&label.levels))?;
            write::<Int32Type, _>(&mut group, &index.values, Some(&index.levels))?;
        }
        group.close()?;
        Ok(())
    }
}

fn write<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column = column
        .ok_or_else(|| ParquetError::General("the schema has fewer columns than are written".to_owned()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()?;
    Ok(())
}

impl Rows {
    fn add(&mut self, path: &str, rank: i32, prediction: &Prediction<'_>, found: &Classified<'_>) {
        self.push(path, rank, Some(prediction), None);
        self.uncertain.push(found.is_uncertain);
        self.logit.push(found.logit(prediction));
    }

    fn fail(&mut self, path: &str, error: &str) {
        self.push(path, 0, None, Some(error));
        self.uncertain.push(None);
        self.logit.push(None);
    }

    fn push(&mut self, path: &str, rank: i32, prediction: Option<&Prediction<'_>>, error: Option<&str>) {
        self.path.push(Some(path.into()));
        self.rank.push(prediction.map(|_| rank));
        self.label.push(prediction.map(|p| p.label.into()));
        self.index.push(prediction.and_then(|p| p.index.try_into().ok()));
        self.probability.push(prediction.map(|p| p.probability));
        self.error.push(error.map(Into::into));
    }

    /// Adds the class that the image of a row is known to be of.
    fn add_class(&mut self, class: Option<TrueClass<'_>>) {
        self.true_label.push(class.map(|class| class.label.into()));
        self.true_index
            .push(class.and_then(|class| class.index.try_into().ok()));
    }
}

impl<W: Write + Send> Parquet<W> {
    /// Adds an image, whose path is `path` as text.
    fn add(
        &mut self,
        path: &str,
        class: Option<TrueClass<'_>>,
        outcome: Result<&Classified<'_>, &str>,
    ) -> Result<()> {
        match outcome {
            Ok(found) => {
                for (rank, prediction) in (1..).zip(found.predictions) {
                    self.rows.add(path, rank, prediction, found);
                    self.rows.add_class(class);
                }
            }
            Err(error) => {
                self.rows.fail(path, error);
                self.rows.add_class(class);
            }
        }
        if self.rows.path.levels.len() >= ROW_GROUP {
            self.write_rows().map_err(cause)?;
        }
        Ok(())
    }

    /// Ends the file and gives it back.
    fn end(mut self) -> Result<W> {
        self.write_rows().map_err(cause)?;
        self.file.into_inner().map_err(cause)
    }
}

impl Writer for Parquet {
    fn image(
        &mut self,
        path: &Path,
        class: Option<TrueClass<'_>>,
        outcome: Result<&Classified<'_>, &str>,
    ) -> Result<()> {
        self.add(&path_text(path), class, outcome)
    }

    /// Nothing: a Parquet file can be read when it is whole.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(self.end()?.commit()?)
    }
}

fn schema(extra: Extra) -> Result<Type> {
    let uncertain = if extra.uncertain { UNCERTAIN } else { "" };
    let logit = if extra.logits { LOGIT } else { "" };
    let true_class = if extra.true_class { TRUE_CLASS } else { "" };
    let schema = format!("message predictions {{ {COLUMNS} {uncertain} {logit} {true_class} }}");
    Ok(parse_message_type(&schema)?)
}

/// The system's error inside, which `parquet` would print twice.
pub fn cause(error: ParquetError) -> anyhow::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => anyhow!(*error),
            Err(other) => anyhow!(other),
        },
        other => other.into(),
    }
}
