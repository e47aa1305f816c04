//! A row for each image and class: `path,rank,label,index,probability,error`. Rank 1 is the likeliest. Behind these come
//! `uncertain`, `logit`, `features`, `true_label` and `true_index`, if they are wanted: `true` or `false`, the logit of the row's
//! class, in the row of rank 1 the features as a JSON array, and the class that the image is known to be of.

use std::path::Path;

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::{Extra, Sink, Writer, path_text};
use crate::predictions::{Classified, TrueClass};

const ALWAYS: [&str; 6] = ["path", "rank", "label", "index", "probability", "error"];
const WANTED: [&str; OTHERS] = ["uncertain", "logit", "features", "true_label", "true_index"];

/// Number of columns that are not always there.
const OTHERS: usize = 5;

/// The names of the columns.
pub(super) fn header(extra: Extra) -> Vec<&'static str> {
    let mut names = ALWAYS.to_vec();
    names.extend(wanted(extra, WANTED));
    names
}

/// Those of the other columns that are wanted.
fn wanted<T>(extra: Extra, others: [T; OTHERS]) -> Vec<T> {
    let Extra {
        uncertain,
        logits,
        features,
        true_class,
    } = extra;
    let is_wanted = [uncertain, logits, features, true_class, true_class];
    let others = others.into_iter().zip(is_wanted);
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
    Index(Option<usize>),
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

    fn wanted<'a>(&self, others: [Field<'a>; OTHERS]) -> Vec<Field<'a>> {
        wanted(self.extra, others)
    }
}

impl Writer for Csv {
    fn image(
        &mut self,
        path: &Path,
        class: Option<TrueClass<'_>>,
        outcome: Result<&Classified<'_>, &str>,
    ) -> Result<()> {
        let path = path_text(path);
        let true_label = class.map_or("", |class| class.label);
        let true_index = class.map(|class| class.index);
        let found = match outcome {
            Ok(found) => found,
            Err(error) => {
                let others = self.wanted([
                    Field::Flag(None),
                    Field::Number(None),
                    Field::Text(""),
                    Field::Text(true_label),
                    Field::Index(true_index),
                ]);
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
                Field::Text(true_label),
                Field::Index(true_index),
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
