//! How good a network is on images of known classes.

mod files;
mod scores;

use mbn_plot::{Confusion, ReliabilityBin};

use crate::predictions::Ranked;
pub use files::{FILES, Measured, require_replaceable, write};
pub use scores::{ClassScore, Means};

/// Ranges of confidence, as in Guo et al. 2017, "On calibration of modern neural networks".
const BINS: usize = 15;

/// Counts over images of known classes.
#[derive(Clone, Debug)]
pub struct Evaluation {
    images: u64,
    top5: u64,
    confusion: Confusion,
    bins: [Bin; BINS],
    certain: Option<Certain>,
}

/// Images whose likeliest class has a probability of at least a threshold.
#[derive(Clone, Copy, Debug)]
struct Certain {
    threshold: f32,
    images: u64,
    right: u64,
}

/// Images whose confidence is within one range.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    images: u64,
    right: u64,
    confidence: f64,
}

impl Evaluation {
    /// No images yet, of so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            images: 0,
            top5: 0,
            confusion: Confusion::new(classes),
            bins: [Bin::default(); BINS],
            certain: None,
        }
    }

    /// The same, which also counts the images whose likeliest class has a probability of at least `threshold`.
    #[must_use]
    pub fn with_threshold(self, threshold: Option<f32>) -> Self {
        let certain = threshold.map(|threshold| Certain {
            threshold,
            images: 0,
            right: 0,
        });
        Self { certain, ..self }
    }

    /// Counts an image of class `class`, for which the network has these probabilities.
    pub fn add(&mut self, found: Ranked<'_>, class: usize) {
        let Some(predicted) = found.first() else {
            return;
        };
        let confidence = f64::from(found.probabilities[predicted]);
        self.images += 1;
        self.top5 += u64::from(found.rank(class) < 5);
        self.confusion.add(class, predicted, 1);
        // 1 belongs to the last range.
        let bin = &mut self.bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.images += 1;
        bin.right += u64::from(predicted == class);
        bin.confidence += confidence;
        if let Some(certain) = &mut self.certain
            && found.probabilities[predicted] >= certain.threshold
        {
            certain.images += 1;
            certain.right += u64::from(predicted == class);
        }
    }

    /// Part of the images whose likeliest class is right, from 0 to 1.
    pub fn top1(&self) -> f64 {
        self.confusion.right() as f64 / self.images.max(1) as f64
    }

    /// Part of the images whose class is among the five likeliest, from 0 to 1.
    pub fn top5(&self) -> f64 {
        part(self.top5, self.images)
    }

    /// Expected calibration error, from 0 to 1: how far accuracy is from confidence in a range, on average over the images
    /// (Guo et al. 2017).
    pub fn calibration_error(&self) -> f64 {
        let apart = self
            .reliability()
            .map(|bin| bin.images as f64 * (bin.accuracy - bin.confidence).abs());
        apart.iter().sum::<f64>() / self.images.max(1) as f64
    }

    /// Accuracy and mean confidence by range of confidence.
    pub fn reliability(&self) -> [ReliabilityBin; BINS] {
        self.bins.map(|bin| ReliabilityBin {
            images: bin.images,
            confidence: bin.confidence / bin.images.max(1) as f64,
            accuracy: part(bin.right, bin.images),
        })
    }

    /// Class, predicted class and number of images, for every pair that occurs.
    pub fn confused(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        self.confusion.pairs()
    }
}

impl std::fmt::Display for Evaluation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (top1, top5) = (100.0 * self.top1(), 100.0 * self.top5());
        let images = mbn_spec::text::counted(self.images as usize, "image");
        write!(f, "accuracy: top-1 {top1:.2} %, top-5 {top5:.2} % of {images}")?;
        let Means {
            precision,
            recall,
            f1,
        } = self.means();
        write!(
            f,
            "\nmean over the classes: precision {:.2} %, recall {:.2} %, F1 {:.2} %; expected calibration error {:.2} %",
            100.0 * precision,
            100.0 * recall,
            100.0 * f1,
            100.0 * self.calibration_error()
        )?;
        if let Some(certain) = &self.certain {
            let share = 100.0 * part(certain.images, self.images);
            write!(
                f,
                "\nat a probability of {} or more: {share:.2} % of the images",
                certain.threshold
            )?;
            if certain.images > 0 {
                let right = 100.0 * part(certain.right, certain.images);
                write!(f, ", top-1 {right:.2} % of them")?;
            }
        }
        Ok(())
    }
}

fn part(of: u64, all: u64) -> f64 {
    of as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests;
