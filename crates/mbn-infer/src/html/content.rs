//! The parts of the page, as they are written into its file.

use std::borrow::Cow;
use std::io::Write;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::Shown;
use super::links::is_linked;
use crate::evaluation::{ClassScore, Evaluation};
use crate::output::path_text;

const STYLES: [&str; 4] = [
    include_str!("page/base.css"),
    include_str!("page/pictures.css"),
    include_str!("page/tables.css"),
    include_str!("page/detail.css"),
];
const BODY: &str = include_str!("page/body.html");
const SCRIPTS: [&str; 5] = [
    include_str!("page/rows.js"),
    include_str!("page/grid.js"),
    include_str!("page/detail.js"),
    include_str!("page/tables.js"),
    include_str!("page/main.js"),
];

/// Nothing is loaded from anywhere, whatever a path or a class name contains.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

/// What is known before the first picture.
#[derive(Clone, Debug, Serialize)]
pub struct About<'a> {
    /// The model, for a person to read.
    pub model: &'a str,
    /// What runs it.
    pub engine: &'a str,
    /// Names of the classes.
    pub classes: &'a [String],
    /// Whether the pictures' classes are known.
    pub evaluated: bool,
    /// The probability under which a result is uncertain.
    pub threshold: Option<f32>,
}

#[derive(Serialize)]
struct Start<'a> {
    #[serde(flatten)]
    about: &'a About<'a>,
    /// The folder that paths start from, seen from the page.
    base: Option<&'a str>,
}

/// A picture. The names are short because the page repeats them thousands of times; `page/rows.js` explains them.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    p: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<u8>,
    /// The path of the file, where `p` is another text.
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<Vec<(usize, f64)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    u: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<String>,
}

impl<'a> Row<'a> {
    pub(super) fn of(picture: &'a Shown<'a>) -> Self {
        let (classes, error) = match picture.outcome {
            Ok(predictions) => (Some(predictions), None),
            Err(error) => (None, Some(error)),
        };
        let flag = |is_set: bool| is_set.then_some(1);
        let is_linked = is_linked(picture.path);
        let text = path_text(picture.path);
        Self {
            a: picture.path.to_str().filter(|path| is_linked && *path != text),
            p: text,
            f: flag(is_linked),
            k: classes.map(|found| found.iter().map(|p| (p.index, rounded(p.probability))).collect()),
            c: picture.class,
            u: flag(picture.is_uncertain),
            e: error,
            w: picture.warning.as_deref(),
            t: picture.thumbnail.as_ref().map(|file| STANDARD.encode(file)),
        }
    }

    pub(super) fn thumbnail_len(&self) -> usize {
        self.t.as_ref().map_or(0, String::len)
    }
}

/// Length of so many bytes in base64.
pub(super) fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// More digits than the page shows.
fn rounded(probability: f32) -> f64 {
    (f64::from(probability) * 1e5).round() / 1e5
}

/// What is known after the last picture.
#[derive(Serialize)]
pub(super) struct Summary {
    pub pictures: usize,
    pub unusable: usize,
    pub certain: usize,
    /// Mean probability of the likeliest class.
    pub confidence: Option<f64>,
    pub classes: Vec<ClassCount>,
    pub evaluation: Option<EvaluationFigures>,
    /// True class, predicted class, pictures.
    pub confusion: Vec<(usize, usize, u64)>,
    pub notice: Option<String>,
}

#[derive(Default, Serialize)]
pub(super) struct ClassCount {
    predicted: u64,
    images: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recall: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    f1: Option<f64>,
}

impl ClassCount {
    pub(super) fn predicted(predicted: u64) -> Self {
        Self {
            predicted,
            ..Self::default()
        }
    }
}

impl From<ClassScore> for ClassCount {
    fn from(score: ClassScore) -> Self {
        Self {
            predicted: score.predicted,
            images: score.images,
            precision: score.precision,
            recall: score.recall,
            f1: score.f1,
        }
    }
}

#[derive(Serialize)]
pub(super) struct EvaluationFigures {
    top1: f64,
    top5: f64,
    f1: f64,
    calibration_error: f64,
}

impl From<&Evaluation> for EvaluationFigures {
    fn from(evaluation: &Evaluation) -> Self {
        Self {
            top1: evaluation.top1(),
            top5: evaluation.top5(),
            f1: evaluation.means().f1,
            calibration_error: evaluation.calibration_error(),
        }
    }
}

/// JSON that may stand in a script: nothing in it looks like markup.
pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    let text = serde_json::to_string(value)?;
    Ok(text.replace('<', "\\u003c").into_bytes())
}

/// All that stands before the pictures.
pub(super) fn write_start(out: &mut impl Write, about: &About<'_>, base: Option<&str>) -> Result<()> {
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>Classified pictures</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{}</style>\n</head>\n<body>\n\
         {BODY}<script>\n\"use strict\";\n{}</script>",
        STYLES.concat(),
        SCRIPTS.concat()
    )?;
    write_call(out, "start", &Start { about, base })
}

/// A block of pictures: a JSON array.
pub(super) fn write_block(out: &mut impl Write, array: &[u8]) -> Result<()> {
    out.write_all(b"<script type=\"application/json\">")?;
    out.write_all(array)?;
    Ok(out.write_all(b"</script><script>more()</script>\n")?)
}

/// All that stands after the pictures.
pub(super) fn write_end(out: &mut impl Write, summary: &Summary) -> Result<()> {
    write_call(out, "finish", summary)?;
    Ok(out.write_all(b"</body>\n</html>\n")?)
}

fn write_call(out: &mut impl Write, function: &str, argument: &impl Serialize) -> Result<()> {
    write!(out, "<script>{function}(")?;
    out.write_all(&json(argument)?)?;
    Ok(out.write_all(b")</script>\n")?)
}
