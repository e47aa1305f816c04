//! The remaining time of a run.

use std::time::{Duration, Instant};

/// The pace of a run, with all its work: training, tests, saving.
pub(crate) struct Pace {
    start: Instant,
    /// Epochs that were finished at `start`.
    done: f64,
}

impl Pace {
    /// Measures from now on, with `done` epochs finished.
    pub fn new(done: f64) -> Self {
        Self {
            start: Instant::now(),
            done,
        }
    }

    /// The time until `epochs` epochs are finished, with `done` finished now.
    pub fn time_left(&self, done: f64, epochs: usize) -> Option<Duration> {
        time_left(self.start.elapsed(), done - self.done, epochs as f64 - done)
    }
}

fn time_left(elapsed: Duration, done: f64, left: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * left / done).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_epochs_take_as_long_as_finished_ones() {
        let minute = Duration::from_secs(60);
        assert_eq!(time_left(minute, 0.5, 2.0), Some(4 * minute));
        assert_eq!(time_left(minute, 0.0, 2.0), None);
    }
}
