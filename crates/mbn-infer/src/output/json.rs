//! A JSON object on a line for each image: `path` and `predictions`, or `path` and `error`; with the predictions also
//! `uncertain`, `logits` and `features`, if they are wanted, and in any case the `class` that the image is known to be of.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::{Sink, Writer, path_text};
use crate::predictions::{Classified, Prediction, TrueClass};

pub(super) struct Json(pub Sink);

#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Image {
        path: Cow<'a, str>,
        predictions: &'a [Prediction<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        uncertain: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        logits: Option<&'a [f32]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        features: Option<&'a [f32]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<TrueClass<'a>>,
    },
    Failure {
        path: Cow<'a, str>,
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<TrueClass<'a>>,
    },
}

impl Writer for Json {
    fn image(
        &mut self,
        path: &Path,
        class: Option<TrueClass<'_>>,
        outcome: Result<&Classified<'_>, &str>,
    ) -> Result<()> {
        let path = path_text(path);
        let line = match outcome {
            Ok(found) => Line::Image {
                path,
                predictions: found.predictions,
                uncertain: found.is_uncertain,
                logits: found.logits,
                features: found.features,
                class,
            },
            Err(error) => Line::Failure { path, error, class },
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
