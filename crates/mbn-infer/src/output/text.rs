//! Results for a person to read: a line for each image that could be classified, `PATH: LABEL 93.1 %, LABEL 2.0 %`; on a
//! terminal a line for each of its classes, with a bar as long as the probability.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::{Sink, Writer, path_text, printable};
use crate::predictions::{Classified, Prediction, TrueClass};

/// Characters of a bar. With the rest of its line it leaves a label forty columns of the narrowest terminals.
const BAR: usize = 24;

/// The last character of a bar, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

pub(super) struct Text {
    sink: Sink,
    has_bars: bool,
}

impl Text {
    pub(super) fn new(sink: Sink) -> Self {
        let has_bars = sink.is_terminal();
        Self { sink, has_bars }
    }

    fn line(&mut self, path: &str, found: &Classified<'_>) -> Result<()> {
        let classes = found
            .predictions
            .iter()
            .map(|p| format!("{} {:.1} %", printable(p.label), 100.0 * p.probability));
        let classes = classes.collect::<Vec<_>>().join(", ");
        let uncertain = if found.is_uncertain == Some(true) {
            "uncertain: "
        } else {
            ""
        };
        Ok(writeln!(self.sink, "{path}: {uncertain}{classes}")?)
    }

    fn bars(&mut self, path: &str, found: &Classified<'_>) -> Result<()> {
        let uncertain = if found.is_uncertain == Some(true) {
            " (uncertain)"
        } else {
            ""
        };
        writeln!(self.sink, "{path}{uncertain}")?;
        for prediction in found.predictions {
            writeln!(self.sink, "{}", with_bar(prediction))?;
        }
        Ok(())
    }
}

/// A class with its probability as a number and as a bar. Columns begin at the same place on every line.
fn with_bar(prediction: &Prediction<'_>) -> String {
    let probability = prediction.probability.clamp(0.0, 1.0);
    let eighths = (probability * (8 * BAR) as f32).round() as usize;
    let bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    let percent = 100.0 * prediction.probability;
    format!("  {percent:5.1} % {bar:BAR$} {}", printable(prediction.label))
}

impl Writer for Text {
    fn image(
        &mut self,
        path: &Path,
        _: Option<TrueClass<'_>>,
        outcome: Result<&Classified<'_>, &str>,
    ) -> Result<()> {
        // What went wrong with the others is on stderr.
        let Ok(found) = outcome else { return Ok(()) };
        let path = path_text(path);
        let path = printable(&path);
        match self.has_bars {
            true => self.bars(&path, found),
            false => self.line(&path, found),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.sink.flush()?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(self.sink.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_the_probability_and_columns_line_up() {
        let line = |probability| {
            with_bar(&Prediction {
                label: "tench\n",
                index: 0,
                probability,
            })
        };
        assert_eq!(line(0.0), format!("    0.0 % {:24} tench\\n", ""));
        assert_eq!(line(1.0), format!("  100.0 % {} tench\\n", "█".repeat(24)));
        assert_eq!(line(0.5), format!("   50.0 % {:24} tench\\n", "█".repeat(12)));
        assert_eq!(line(1.0 / 192.0), format!("    0.5 % {:24} tench\\n", "▏"));
        for percent in 0..=100 {
            assert_eq!(
                line(percent as f32 / 100.0).chars().count(),
                line(0.0).chars().count()
            );
        }
    }
}
