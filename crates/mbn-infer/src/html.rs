//! The results as a page that a browser shows without a network: thumbnails, filters and, of an evaluation, the confusion
//! matrix.
//!
//! The page is written as the results come. Its scripts, in `html/page/`, read the pictures block by block and make elements
//! of those that are in the window alone.

mod content;
mod links;

use std::io::BufWriter;
use std::path::Path;

use anyhow::Result;
use mbn_files::atomic::AtomicFile;
use mbn_spec::text::thousands;

use crate::evaluation::Evaluation;
use crate::predictions::Prediction;
use content::{ClassCount, EvaluationFigures, Row, Summary};
use links::folder_from;

pub use content::About;

/// Longer side of a thumbnail in pixels: a little less than the width of a card.
pub const THUMBNAIL_SIDE: u32 = 160;

/// Most bytes of a thumbnail. Ten thousand of them come to 51 MB in base64.
pub const THUMBNAIL_BYTES: usize = 3840;

/// The likeliest classes that the page lists for a picture, at least.
pub const CLASSES: usize = 5;

/// Pictures that a script reads at once: the first block is shown before the rest of the page is read.
const BLOCK: usize = 64;

/// How large the page gets, in bytes. Browsers read 60 MB in about a second.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Of all thumbnails, in base64.
    thumbnails: usize,
    /// Of all pictures with their thumbnails.
    pictures: usize,
}

const LIMITS: Limits = Limits {
    thumbnails: 52_000_000,
    pictures: 58_000_000,
};

/// What is known about a picture.
#[derive(Debug)]
pub struct Shown<'a> {
    /// Its path.
    pub path: &'a Path,
    /// Its likeliest classes, likeliest first, or why there are none.
    pub outcome: Result<&'a [Prediction<'a>], &'a str>,
    /// Its class, if that is known.
    pub class: Option<usize>,
    /// Its result is not sure enough.
    pub is_uncertain: bool,
    /// What is odd about the file.
    pub warning: Option<String>,
    /// A JPEG file.
    pub thumbnail: Option<Vec<u8>>,
}

/// The page, as far as it is written.
#[derive(Debug)]
pub struct Page {
    out: BufWriter<AtomicFile>,
    limits: Limits,
    block: Vec<u8>,
    in_block: usize,
    /// Bytes of the pictures and of the thumbnails among them.
    pictures: usize,
    thumbnails: usize,
    tally: Tally,
}

/// Counts of all pictures, also of those that the page leaves out.
#[derive(Debug, Default)]
struct Tally {
    all: usize,
    listed: usize,
    with_thumbnail: usize,
    left_without: usize,
    unusable: usize,
    uncertain: usize,
    confidence: f64,
    /// Pictures taken for each class.
    predicted: Vec<u64>,
}

impl Page {
    /// Starts a page that will replace `path`.
    ///
    /// # Errors
    /// As [`AtomicFile::create`], or it cannot be written to.
    pub fn create(path: &Path, about: &About<'_>) -> Result<Self> {
        Self::with_limits(path, about, LIMITS)
    }

    fn with_limits(path: &Path, about: &About<'_>, limits: Limits) -> Result<Self> {
        let mut out = BufWriter::new(AtomicFile::create(path)?);
        content::write_start(&mut out, about, folder_from(path).as_deref())?;
        Ok(Self {
            out,
            limits,
            block: Vec::new(),
            in_block: 0,
            pictures: 0,
            thumbnails: 0,
            tally: Tally {
                predicted: vec![0; about.classes.len()],
                ..Tally::default()
            },
        })
    }

    /// Whether there is room for another thumbnail.
    pub fn wants_thumbnails(&self) -> bool {
        self.thumbnails + content::encoded_len(THUMBNAIL_BYTES) <= self.limits.thumbnails
            && self.pictures < self.limits.pictures
    }

    /// Adds a picture. One for which there is no room is counted.
    ///
    /// # Errors
    /// What has been collected cannot be written.
    pub fn add(&mut self, mut picture: Shown<'_>) -> Result<()> {
        self.tally.count(&picture);
        if !self.wants_thumbnails() && picture.outcome.is_ok() {
            picture.thumbnail = None;
            self.tally.left_without += 1;
        }
        let row = Row::of(&picture);
        let thumbnail = row.thumbnail_len();
        let row = content::json(&row)?;
        if self.pictures + row.len() > self.limits.pictures {
            return Ok(());
        }
        self.tally.listed += 1;
        self.tally.with_thumbnail += usize::from(thumbnail > 0);
        self.thumbnails += thumbnail;
        self.pictures += row.len();
        self.block.extend(if self.in_block == 0 { b"[" } else { b"," });
        self.block.extend(row);
        self.in_block += 1;
        if self.in_block == BLOCK {
            self.end_block()?;
        }
        Ok(())
    }

    /// Ends the page and gives it its name.
    ///
    /// # Errors
    /// The rest cannot be written, or the file cannot be renamed.
    pub fn finish(mut self, evaluation: Option<&Evaluation>) -> Result<()> {
        self.end_block()?;
        let summary = self.tally.summary(evaluation);
        content::write_end(&mut self.out, &summary)?;
        let file = self
            .out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?;
        Ok(file.commit()?)
    }

    fn end_block(&mut self) -> Result<()> {
        if self.in_block > 0 {
            self.block.push(b']');
            content::write_block(&mut self.out, &self.block)?;
            self.block.clear();
            self.in_block = 0;
        }
        Ok(())
    }
}

impl Tally {
    fn count(&mut self, picture: &Shown<'_>) {
        self.all += 1;
        self.uncertain += usize::from(picture.is_uncertain);
        match picture.outcome.map(<[_]>::first) {
            Ok(Some(first)) => {
                self.confidence += f64::from(first.probability);
                if let Some(count) = self.predicted.get_mut(first.index) {
                    *count += 1;
                }
            }
            _ => self.unusable += 1,
        }
    }

    /// What the page leaves out, if it does.
    fn notice(&self) -> Option<String> {
        let [all, listed, with] = [self.all, self.listed, self.with_thumbnail].map(|n| thousands(n as u64));
        if self.listed < self.all {
            return Some(format!(
                "This page lists the first {listed} of {all} pictures, {with} of them with a thumbnail. Its numbers are of all \
                 pictures."
            ));
        }
        let left_out = self.left_without > 0;
        left_out.then(|| format!("This page has thumbnails of {with} of its {all} pictures."))
    }

    fn summary(&self, evaluation: Option<&Evaluation>) -> Summary {
        let classified = self.all - self.unusable;
        let classes = match evaluation {
            Some(evaluation) => evaluation.classes().into_iter().map(ClassCount::from).collect(),
            None => self.predicted.iter().map(|n| ClassCount::predicted(*n)).collect(),
        };
        Summary {
            pictures: self.all,
            unusable: self.unusable,
            certain: classified - self.uncertain,
            confidence: (classified > 0).then(|| self.confidence / classified as f64),
            classes,
            evaluation: evaluation.map(EvaluationFigures::from),
            confusion: evaluation
                .map(|evaluation| evaluation.confused().collect())
                .unwrap_or_default(),
            notice: self.notice(),
        }
    }
}

#[cfg(test)]
mod tests;
