//! A JSON object on a line for each image: `path` and `predictions`, or `path` and `error`.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::{Sink, Writer, path_text};
use crate::predictions::Prediction;

pub(super) struct Json(pub Sink);

#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Image {
        path: Cow<'a, str>,
        predictions: &'a [Prediction<'a>],
    },
    Failure {
        path: Cow<'a, str>,
        error: &'a str,
    },
}

impl Writer for Json {
    fn image(&mut self, path: &Path, outcome: Result<&[Prediction<'_>], &str>) -> Result<()> {
        let path = path_text(path);
        let line = match outcome {
            Ok(predictions) => Line::Image { path, predictions },
            Err(error) => Line::Failure { path, error },
        };
        writeln!(self.0, "{}", serde_json::to_string(&line)?)?;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(self.0.commit()?)
    }
}
