//! What a search for a learning rate found: its files, and what the user is told.

use anyhow::{Context, Result, anyhow};
use comfy_table::{CellAlignment, Table, presets};
use mbn_cli::{Hint, quote};
use mbn_plot::{RateTrial, rates};
use serde::Serialize;

use super::super::Trainer;
use super::super::rate_search::{Mean, RateSearch, Trial};
use crate::again;
use crate::run::{AUGMENTED, RATES, RATES_PLOT, SETTINGS};

/// A row of the file.
#[derive(Serialize)]
struct Row {
    learning_rate: f64,
    step: usize,
    loss: f64,
}

impl Trainer {
    pub(super) fn write_rates(&self, search: &RateSearch) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for trial in search.trials() {
            for step in trial.losses() {
                writer.serialize(Row {
                    learning_rate: trial.rate(),
                    step: step.step,
                    loss: step.loss,
                })?;
            }
        }
        self.run.write(RATES, &writer.into_inner()?)?;
        let settings = &self.progress.settings;
        let title = format!(
            "{} MobileNet-{}: short trainings at several learning rates",
            settings.alpha,
            settings.size.get()
        );
        let trials: Vec<_> = search.trials().map(drawn).collect();
        let picture =
            rates(&trials, search.suggestion(), &title).context("cannot draw the learning rates")?;
        self.run.write(RATES_PLOT, &picture)
    }

    /// The rate that the search suggests; an error if it suggests none.
    pub(super) fn suggestion(&self, search: &RateSearch) -> Result<f64> {
        log::info!("The loss at the end of short trainings:\n{}", table(search));
        let Some(rate) = search.suggestion() else {
            let augmented = self.run.file(AUGMENTED);
            return Err(anyhow!(
                "the loss falls at no learning rate around {}: see `{}`",
                self.progress.settings.lr.get(),
                self.run.file(RATES).display()
            ))
            .hint(|| {
                format!(
                    "see in `{}` whether images and labels belong together; `--lr X` moves the range, which is X / 1000 to \
                     100 X",
                    augmented.display()
                )
            });
        };
        log::info!(
            "A learning rate of {rate} is the highest whose loss is within noise of the lowest; see `{}`",
            self.run.file(RATES_PLOT).display(),
        );
        if search.suggests_an_end() {
            log::warn!(
                "{rate} is at the end of the range that was searched, so a better rate may lie beyond it; search on with \
                 `--lr-find --lr {rate}`"
            );
        }
        log::info!(
            "Suggested: `mbn-train --config {} --lr {rate}{}`",
            quote(&self.run.file(SETTINGS)),
            again::options()
        );
        Ok(rate)
    }
}

fn drawn(trial: &Trial) -> RateTrial {
    let score = trial.score();
    RateTrial {
        rate: trial.rate(),
        losses: trial.losses().iter().map(|step| (step.step, step.loss)).collect(),
        score: score.map(|mean| mean.value),
        error: score.map_or(0.0, |mean| mean.error),
    }
}

/// A row per rate, and one for the initial weights.
fn table(search: &RateSearch) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["learning rate", "loss", "standard error", "above the lowest"]);
    let best = search.best();
    let mut row = |name: String, trial: &Trial| {
        let [loss, error] = match trial.score() {
            Some(Mean { value, error }) => [format!("{value:.4}"), format!("{error:.4}")],
            None => ["diverged".to_owned(), String::new()],
        };
        let excess = best
            .filter(|best| best.rate() != trial.rate())
            .and_then(|best| trial.excess_over(best));
        let excess = excess.map_or_else(String::new, |Mean { value, error }| {
            format!("{value:.4} ± {error:.4}")
        });
        table.add_row([name, loss, error, excess]);
    };
    row("initial weights".to_owned(), search.untrained());
    for trial in search.trials() {
        row(trial.rate().to_string(), trial);
    }
    for column in 0..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
