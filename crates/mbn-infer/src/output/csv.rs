//! A row for each image and class: `path,rank,label,index,probability,error`. Rank 1 is the likeliest. Behind these come
//! `uncertain`, `logit` and `features`, if they are wanted: `true` or `false`, the logit of the row's class, and in the row of
//! rank 1 the features as a JSON array.

use std::path::Path;

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::{Extra, Sink, Writer, path_text};
use crate::predictions::Classified;

const ALWAYS: [&str; 6] = ["path", "rank", "label", "index", "probability", "error"];
const WANTED: [&str; 3] = ["uncertain", "logit", "features"];

/// The names of the columns.
pub(super) fn header(extra: Extra) -> Vec<&'static str> {
    let mut names = ALWAYS.to_vec();
    names.extend(wanted(extra, WANTED));
    names
}

/// Those of the other columns that are wanted.
fn wanted<T>(extra: Extra, others: [T; 3]) -> Vec<T> {
    let Extra {
        uncertain,
        logits,
        features,
    } = extra;
    let others = others.into_iter().zip([uncertain, logits, features]);
    others
        .filter_map(|(field, wanted)| wanted.then_some(field))
        .collect()
}

pub(super) struct Csv {
    writer: csv::Writer<Sink>,
    extra: Extra,
}

/// A value of a column that is not always there.
#[derive(Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Flag(Option<bool>),
    Number(Option<f32>),
    Text(&'a str),
}

impl Csv {
    /// Writes the header, unless the rows continue others.
    pub(super) fn new(sink: Sink, extra: Extra, continues: bool) -> Result<Self> {
        let mut csv = Self {
            writer: csv::WriterBuilder::new().has_headers(false).from_writer(sink),
            extra,
        };
        if !continues {
            csv.writer.serialize(header(extra)).map_err(cause)?;
        }
        Ok(csv)
    }

    fn wanted<'a>(&self, others: [Field<'a>; 3]) -> Vec<Field<'a>> {
        wanted(self.extra, others)
    }
}

impl Writer for Csv {
    fn image(&mut self, path: &Path, outcome: Result<&Classified<'_>, &str>) -> Result<()> {
        let path = path_text(path);
        let found = match outcome {
            Ok(found) => found,
            Err(error) => {
                let others = self.wanted([Field::Flag(None), Field::Number(None), Field::Text("")]);
                let row = (&path, "", "", "", "", error, others);
                return self.writer.serialize(row).map_err(cause);
            }
        };
        let mut features = found.features.map(serde_json::to_string).transpose()?;
        for (rank, p) in (1..).zip(found.predictions) {
            let features = features.take().unwrap_or_default();
            let others = self.wanted([
                Field::Flag(found.is_uncertain),
                Field::Number(found.logit(p)),
                Field::Text(&features),
            ]);
            let row = (&path, rank, p.label, p.index, p.probability, "", others);
            self.writer.serialize(row).map_err(cause)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.writer.flush()?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let sink = self.writer.into_inner();
        let sink = sink.map_err(|error| anyhow!(error.into_error()))?;
        Ok(sink.commit()?)
    }
}

/// The system's error inside, which `csv` does not give as a source: it tells that the reader of a pipe has stopped.
fn cause(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => anyhow!("{other:?}"),
    }
}
