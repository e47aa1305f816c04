//! Counts and times of a run, printed on stderr at its end.

use std::time::Duration;

use log::Level;
use mbn_cli::Outcome;
use mbn_engine::parity::Parity;
use mbn_spec::text::counted;

use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::html::Page;
use crate::options::BadImages;
use crate::output::Counts;
use crate::pipeline::WorkerTimes;
use crate::predictions::Ranked;
use crate::setup::Classifier;
use crate::sorter::Sorter;
use crate::stages::Stages;

/// Counts and times of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// What an interrupted run found that this one continues.
    pub earlier: Counts,
    /// Images that were classified.
    pub classified: usize,
    /// Paths that could not be classified.
    pub failed: usize,
    /// Classified images whose likeliest class is under the threshold.
    pub uncertain: usize,
    /// Images that were decoded at a fraction of their size.
    pub reduced: usize,
    /// Time in the engine.
    pub inference: Duration,
    /// Time in the comparison with candle.
    pub checking: Duration,
    /// Time in writing results.
    pub writing: Duration,
    /// Of the images of known class, if there were any.
    pub evaluation: Option<Evaluation>,
    /// Puts pictures into class folders, if that is asked for.
    pub sorter: Option<Sorter>,
    /// Shows the results in a browser, if that is asked for.
    pub page: Option<Page>,
}

impl Report {
    /// Counts an image of known class. A result is certain from `threshold` on.
    pub fn count_class(&mut self, found: Ranked<'_>, class: usize, threshold: Option<f32>) {
        let evaluation = self
            .evaluation
            .get_or_insert_with(|| Evaluation::new(found.probabilities.len()).with_threshold(threshold));
        evaluation.add(found, class);
    }

    /// Inputs of this run and of the one that it continues.
    pub fn inputs(&self) -> u64 {
        self.earlier.inputs() + (self.classified + self.failed) as u64
    }

    /// Inputs of both that could not be classified.
    fn all_failed(&self) -> u64 {
        self.earlier.failed + self.failed as u64
    }

    /// Prints the summary on stderr.
    pub fn log(
        &self,
        elapsed: Duration,
        workers: WorkerTimes,
        threads: usize,
        classifier: &Classifier,
        bad_images: BadImages,
    ) {
        let seconds = elapsed.as_secs_f64();
        log::info!(
            "{} in {seconds:.2} s{}",
            counted(self.classified, "image"),
            rate(self.classified, seconds)
        );
        let stages = Stages {
            elapsed,
            threads,
            decoding: workers.decode,
            preprocessing: workers.preprocess,
            lanes: classifier.lanes.count(),
            inference: self.inference,
            checking: self.checking,
            writing: self.writing,
            engine: classifier.lanes.describe().to_owned(),
        };
        log::info!("{stages}");
        if self.reduced > 0 {
            log::info!(
                "decoded at 1/2, 1/4 or 1/8 of the size, which is faster and changes the input a little: {}; `--full-decode` \
                 decodes every pixel",
                counted(self.reduced, "JPEG file")
            );
        }
        if self.uncertain > 0 {
            log::info!(
                "{} of {} uncertain",
                self.uncertain,
                counted(self.classified, "image")
            );
        }
        if let Some(sorter) = &self.sorter {
            let level = if sorter.failed() > 0 {
                Level::Error
            } else {
                Level::Info
            };
            log::log!(level, "{}", sorter.describe());
        }
        if let Some(evaluation) = &self.evaluation {
            mbn_cli::tell(evaluation);
        }
        match classifier.check.as_ref().map(Check::parity) {
            // An empty list or shard, or one that is finished already, is no reason to worry.
            Some(parity) if parity.differences().images == 0 && self.classified + self.failed == 0 => {}
            Some(parity) if parity.differences().images == 0 => {
                log::warn!("parity was not checked: no image")
            }
            Some(parity) if parity.passed() => log::info!("parity passed: {parity}"),
            Some(parity) => log::error!("parity failed: {parity}"),
            None => {}
        }
        if self.all_failed() > 0 {
            log::log!(
                level(bad_images),
                "{} of {} could not be classified",
                self.all_failed(),
                self.inputs()
            );
        }
    }

    /// How the program ends.
    pub fn outcome(&self, parity: Option<&Parity>, bad_images: BadImages) -> Outcome {
        if parity.is_some_and(|parity| !parity.passed()) {
            Outcome::Failure
        } else if self.all_failed() > 0 && bad_images == BadImages::Fail
            || self.sorter.as_ref().is_some_and(|sorter| sorter.failed() > 0)
        {
            Outcome::Partial
        } else {
            Outcome::Success
        }
    }
}

/// How serious an input is that cannot be used.
pub fn level(bad_images: BadImages) -> Level {
    match bad_images {
        BadImages::Fail => Level::Error,
        BadImages::Report => Level::Warn,
    }
}

/// Images in a second and milliseconds for each, if there are any.
fn rate(images: usize, seconds: f64) -> String {
    match images {
        0 => String::new(),
        _ => format!(
            ": {:.1} images/s, {:.1} ms an image",
            images as f64 / seconds.max(f64::MIN_POSITIVE),
            1e3 * seconds / images as f64
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_image_leaves_the_work_partly_done() {
        let mut report = Report::default();
        assert_eq!(report.outcome(None, BadImages::Fail), Outcome::Success);
        report.earlier.failed = 1;
        assert_eq!(report.outcome(None, BadImages::Fail), Outcome::Partial);
        let report = Report {
            failed: 1,
            ..Report::default()
        };
        assert_eq!(report.outcome(None, BadImages::Fail), Outcome::Partial);
        assert_eq!(report.outcome(None, BadImages::Report), Outcome::Success);
    }
}
