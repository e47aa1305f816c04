//! A row for each image and class: `path,rank,label,index,probability,error`. Rank 1 is the likeliest.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::{Sink, Writer, path_text};
use crate::predictions::Prediction;

pub(super) const HEADER: [&str; 6] = ["path", "rank", "label", "index", "probability", "error"];

pub(super) struct Csv(csv::Writer<Sink>);

impl Csv {
    /// Writes the header, unless the rows continue others.
    pub(super) fn new(sink: Sink, continues: bool) -> Result<Self> {
        let mut writer = csv::Writer::from_writer(sink);
        if !continues {
            writer.write_record(HEADER).map_err(cause)?;
        }
        Ok(Self(writer))
    }
}

impl Writer for Csv {
    fn image(&mut self, path: &Path, outcome: Result<&[Prediction<'_>], &str>) -> Result<()> {
        let path = path_text(path);
        match outcome {
            Ok(predictions) => {
                for (rank, p) in (1..).zip(predictions) {
                    let row = (&path, rank, p.label, p.index, p.probability, "");
                    self.0.serialize(row).map_err(cause)?;
                }
            }
            Err(error) => self
                .0
                .write_record([&path, "", "", "", "", error])
                .map_err(cause)?,
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let sink = self.0.into_inner();
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
