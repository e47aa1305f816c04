//! `PATH: LABEL 93.1 %, LABEL 2.0 %`, a line for each image that could be classified.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::{Sink, Writer, path_text, printable};
use crate::predictions::Prediction;

pub(super) struct Text(pub Sink);

impl Writer for Text {
    fn image(&mut self, path: &Path, outcome: Result<&[Prediction<'_>], &str>) -> Result<()> {
        // What went wrong with the others is on stderr.
        if let Ok(predictions) = outcome {
            let classes = predictions
                .iter()
                .map(|p| format!("{} {:.1} %", printable(p.label), 100.0 * p.probability));
            let classes = classes.collect::<Vec<_>>().join(", ");
            writeln!(self.0, "{}: {classes}", printable(&path_text(path)))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(self.0.commit()?)
    }
}
