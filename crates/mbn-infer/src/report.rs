//! Counts and times of a run, printed on stderr at its end.

use std::time::Duration;

use log::Level;
use mbn_cli::Outcome;
use mbn_engine::parity::Parity;
use mbn_spec::text::counted;

use crate::check::Check;
use crate::options::BadImages;
use crate::pipeline::WorkerTimes;
use crate::predictions::rank;
use crate::setup::Classifier;

/// Counts and times of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Images that were classified.
    pub classified: usize,
    /// Paths that could not be classified.
    pub failed: usize,
    /// Time in the engine.
    pub inference: Duration,
    accuracy: Accuracy,
}

/// How often the right class was among the likeliest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    images: usize,
    top1: usize,
    top5: usize,
}

impl Report {
    /// Counts an image of known class.
    pub fn count_class(&mut self, probabilities: &[f32], class: usize) {
        let rank = rank(probabilities, class);
        self.accuracy.images += 1;
        self.accuracy.top1 += usize::from(rank < 1);
        self.accuracy.top5 += usize::from(rank < 5);
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
        let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
        let rate = self.classified as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        log::info!(
            "{} in {}, {rate:.1} images/s; inference {}{} by {}, meanwhile on {} decoding {} and preprocessing {}",
            counted(self.classified, "image"),
            seconds(elapsed),
            seconds(self.inference),
            match classifier.lanes.count() {
                1 => String::new(),
                lanes => format!(" on {lanes} threads"),
            },
            classifier.lanes.describe(),
            counted(threads, "thread"),
            seconds(workers.decode),
            seconds(workers.preprocess)
        );
        if self.accuracy.images > 0 {
            log::info!("{}", self.accuracy);
        }
        match classifier.check.as_ref().map(Check::parity) {
            Some(parity) if parity.differences().images == 0 => {
                log::warn!("parity was not checked: no image")
            }
            Some(parity) if parity.passed() => log::info!("parity passed: {parity}"),
            Some(parity) => log::error!("parity failed: {parity}"),
            None => {}
        }
        if self.failed > 0 {
            log::log!(
                level(bad_images),
                "{} of {} could not be classified",
                self.failed,
                self.failed + self.classified
            );
        }
    }

    /// How the program ends.
    pub fn outcome(&self, parity: Option<&Parity>, bad_images: BadImages) -> Outcome {
        if parity.is_some_and(|parity| !parity.passed()) {
            Outcome::Failure
        } else if self.failed > 0 && bad_images == BadImages::Fail {
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

impl std::fmt::Display for Accuracy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |hits: usize| 100.0 * hits as f64 / self.images.max(1) as f64;
        let (top1, top5) = (percent(self.top1), percent(self.top5));
        write!(
            f,
            "accuracy: top-1 {top1:.2} %, top-5 {top5:.2} % of {}",
            counted(self.images, "image")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_counts_the_first_and_the_first_five() {
        let mut report = Report::default();
        let probabilities = [0.30, 0.25, 0.20, 0.10, 0.08, 0.07];
        for class in [0, 4, 5, 0] {
            report.count_class(&probabilities, class);
        }
        assert_eq!(
            report.accuracy.to_string(),
            "accuracy: top-1 50.00 %, top-5 75.00 % of 4 images"
        );
    }

    #[test]
    fn a_failed_image_leaves_the_work_partly_done() {
        let mut report = Report::default();
        assert_eq!(report.outcome(None, BadImages::Fail), Outcome::Success);
        report.failed = 1;
        assert_eq!(report.outcome(None, BadImages::Fail), Outcome::Partial);
        assert_eq!(report.outcome(None, BadImages::Report), Outcome::Success);
    }
}
