//! An evaluation as files: JSON, a table of the classes, and pictures.

use std::borrow::Cow;
use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_spec::text::counted;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{ClassScore, Evaluation, Means, part};
use crate::output::{MadeBy, path_text};

const SUMMARY: &str = "evaluation.json";
const TABLE: &str = "classes.csv";
const RELIABILITY: &str = "reliability.png";
const CONFUSION: &str = "confusion.png";

/// The files, some of which may be left out.
pub const FILES: [&str; 4] = [SUMMARY, TABLE, RELIABILITY, CONFUSION];

/// What shows that an `evaluation.json` is one of these.
#[derive(Deserialize)]
struct Earlier {
    #[serde(rename = "made_by")]
    _made_by: IgnoredAny,
    #[serde(rename = "confusion")]
    _confusion: IgnoredAny,
}

/// Refuses a folder that has files under these names and no evaluation: they are the user's, or a training run's.
///
/// # Errors
/// It has.
pub fn require_replaceable(folder: &Path) -> Result<()> {
    let there = FILES.iter().map(|name| folder.join(name));
    let there: Vec<_> = there.filter(|path| path.is_file()).collect();
    let is_earlier = || {
        let file = fs::File::open(folder.join(SUMMARY)).ok();
        file.is_some_and(|file| serde_json::from_reader::<_, Earlier>(BufReader::new(file)).is_ok())
    };
    if there.is_empty() || is_earlier() {
        return Ok(());
    }
    let there: Vec<_> = there.iter().map(|path| format!("`{}`", path.display())).collect();
    Err(anyhow!(
        "`--evaluation {}` would replace {}, which no evaluation wrote",
        folder.display(),
        there.join(" and ")
    ))
    .hint(|| "name a folder without these files".to_owned())
}

/// What was measured, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The model, for a person to read.
    pub model: &'a str,
    /// What ran it.
    pub engine: &'a str,
    /// The paths of the folders, as given.
    pub paths: &'a [PathBuf],
    /// What could not be used.
    pub unusable: u64,
    /// What the results depend on.
    pub made_by: &'a MadeBy,
}

/// All figures. Those that need images are `null` without any.
#[derive(Serialize)]
struct Summary<'a> {
    model: &'a str,
    engine: &'a str,
    paths: Vec<Cow<'a, str>>,
    made_by: &'a MadeBy,
    images: u64,
    unusable: u64,
    top1: Option<f64>,
    top5: Option<f64>,
    mean_precision: Option<f64>,
    mean_recall: Option<f64>,
    mean_f1: Option<f64>,
    expected_calibration_error: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certain: Option<CertainImages>,
    classes: Vec<Class<'a>>,
    reliability: Vec<Range>,
    confusion: Vec<Confused<'a>>,
}

#[derive(Serialize)]
struct Class<'a> {
    label: &'a str,
    #[serde(flatten)]
    score: ClassScore,
}

/// Images with a probability of at least the threshold.
#[derive(Serialize)]
struct CertainImages {
    threshold: f32,
    images: u64,
    top1: Option<f64>,
}

#[derive(Serialize)]
struct Range {
    images: u64,
    confidence: Option<f64>,
    accuracy: Option<f64>,
}

/// Images of one class that were taken for another.
#[derive(Serialize)]
struct Confused<'a> {
    label: &'a str,
    predicted: &'a str,
    images: u64,
}

/// Writes `evaluation.json`, `classes.csv`, `confusion.png` and `reliability.png` into a folder, which is made if it is missing. Parts
/// are from 0 to 1.
///
/// # Errors
/// A file cannot be written.
pub fn write(
    evaluation: &Evaluation,
    measured: Measured<'_>,
    class_names: &[String],
    folder: &Path,
) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let name = |class: usize| class_names.get(class).map_or("", String::as_str);
    let scores = evaluation.classes();
    let Means {
        precision,
        recall,
        f1,
    } = evaluation.means();
    let bins = evaluation.reliability();
    let known = |value: f64| of(evaluation.images, value);
    let Measured {
        model,
        engine,
        paths,
        unusable,
        made_by,
    } = measured;
    let summary = Summary {
        model,
        engine,
        paths: paths.iter().map(|path| path_text(path)).collect(),
        made_by,
        unusable,
        images: evaluation.images,
        top1: known(evaluation.top1()),
        top5: known(evaluation.top5()),
        mean_precision: known(precision),
        mean_recall: known(recall),
        mean_f1: known(f1),
        expected_calibration_error: known(evaluation.calibration_error()),
        certain: evaluation.certain.map(|certain| CertainImages {
            threshold: certain.threshold,
            images: certain.images,
            top1: of(certain.images, part(certain.right, certain.images)),
        }),
        classes: scores
            .iter()
            .enumerate()
            .map(|(class, score)| Class {
                label: name(class),
                score: *score,
            })
            .collect(),
        reliability: bins
            .iter()
            .map(|bin| Range {
                images: bin.images,
                confidence: of(bin.images, bin.confidence),
                accuracy: of(bin.images, bin.accuracy),
            })
            .collect(),
        confusion: evaluation
            .confused()
            .map(|(class, predicted, images)| Confused {
                label: name(class),
                predicted: name(predicted),
                images,
            })
            .collect(),
    };
    let save = |file: &str, bytes: &[u8]| {
        let path = folder.join(file);
        mbn_files::atomic::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
    };
    save(SUMMARY, &serde_json::to_vec_pretty(&summary)?)?;
    save(TABLE, &table(&scores, name)?)?;
    if evaluation.images == 0 {
        // Those of an earlier evaluation are of other pictures.
        return [RELIABILITY, CONFUSION]
            .iter()
            .try_for_each(|file| remove(&folder.join(file)));
    }
    let error = format!(
        "expected calibration error {:.2} %",
        100.0 * evaluation.calibration_error()
    );
    let title = format!("Reliability on {}", counted(evaluation.images as usize, "image"));
    save(RELIABILITY, &mbn_plot::reliability(&bins, &title, &error)?)?;
    save(
        CONFUSION,
        &mbn_plot::confusion(&evaluation.confusion, class_names)?,
    )
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).with_context(|| {
            format!(
                "cannot remove `{}`, which is of an earlier evaluation",
                path.display()
            )
        }),
        _ => Ok(()),
    }
}

/// A figure of so many images.
fn of(images: u64, figure: f64) -> Option<f64> {
    (images > 0).then_some(figure)
}

/// A row for each class.
fn table<'a>(scores: &[ClassScore], name: impl Fn(usize) -> &'a str) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["label", "images", "predicted", "precision", "recall", "f1"])?;
    let text = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6}"));
    for (class, score) in scores.iter().enumerate() {
        writer.write_record([
            name(class).to_owned(),
            score.images.to_string(),
            score.predicted.to_string(),
            text(score.precision),
            text(score.recall),
            text(score.f1),
        ])?;
    }
    Ok(writer.into_inner()?)
}
