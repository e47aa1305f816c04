//! The progress bar of a training epoch: loss, accuracy, images/s, and the remaining time of the epoch and the run.

use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar};
use mbn_cli::progress;

use crate::run::Position;

/// A line that fits into 80 columns.
pub(crate) struct EpochBar(ProgressBar);

impl EpochBar {
    /// A bar over the images of an epoch.
    pub fn new(title: &str, images: usize) -> Self {
        Self(progress::bar(
            images as u64,
            &format!("{title} {{wide_bar}} {{msg}}"),
        ))
    }

    /// Shows the position in the epoch; `run` is the remaining time of the run, if it is known.
    pub fn show(&self, position: &Position, run: Option<Duration>) {
        let images = self.0.length().unwrap_or(0);
        self.0.set_position(position.seen as u64);
        self.0.set_message(describe(position, images, run));
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn describe(position: &Position, images: u64, run: Option<Duration>) -> String {
    let seen = position.seen as f64;
    let (loss, accuracy) = (position.loss / seen, 100.0 * position.right as f64 / seen);
    let rate = seen / position.seconds;
    let time = |left: Duration| format!("{:#}", HumanDuration(left));
    let epoch = Duration::try_from_secs_f64((images as f64 - seen).max(0.0) / rate);
    let epoch = epoch.map_or_else(|_| "?".to_owned(), time);
    let run = run.map_or_else(String::new, |left| format!(", run {}", time(left)));
    format!("loss {loss:.3}, accuracy {accuracy:.1} %, {rate:.0} images/s, {epoch} left{run}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_into_80_columns() {
        let position = Position {
            step: 100,
            loss: 6400.0 * 1.2345,
            right: 3200,
            seen: 6400,
            seconds: 16.0,
        };
        let line = describe(&position, 9469, Some(Duration::from_secs(21 * 60)));
        assert_eq!(
            line,
            "loss 1.234, accuracy 50.0 %, 400 images/s, 8s left, run 21m"
        );
        assert!("epoch 100/300 ━━━━ ".chars().count() + line.len() <= 80);
        let line = describe(&Position::default(), 9469, None);
        assert!(line.ends_with("? left"), "{line}");
    }
}
