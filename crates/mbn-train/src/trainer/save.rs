//! What is done after an epoch: evaluation, the state that the run is resumed from, and the files that follow from it.

use std::time::Instant;

use anyhow::Result;
use mbn_model::OptimizerState;
use mbn_spec::Metadata;
use mbn_weights::Weights;

use super::Trainer;
use crate::dataset::size_of_epoch;
use crate::evaluate::evaluate;
use crate::history::Epoch;
use crate::report;
use crate::resume::{Best, Position, State};
use crate::run_dir::{LAST, STATE};

impl Trainer {
    /// Evaluates and saves; `false` if the user stopped it before that was done.
    pub(super) fn finish_epoch(&mut self) -> Result<bool> {
        let steps = self.train_loader.batches_per_epoch();
        let learning_rate = {
            let done = (self.progress.history.len() + 1) * steps;
            self.schedule().learning_rate(done.saturating_sub(1))
        };
        let weights = self.evaluated_weights()?;
        let Some(evaluation) = evaluate(&weights, &self.test_loader, self.network.device(), &self.run)?
        else {
            return Ok(false);
        };
        if !evaluation.loss.is_finite() {
            return self.diverged(&format!("the test loss became {}", evaluation.loss));
        }
        let Position {
            loss,
            right,
            seen,
            seconds,
            ..
        } = self.progress.position;
        let mean = |sum: f64| sum / seen.max(1) as f64;
        let row = Epoch {
            epoch: self.progress.history.len() + 1,
            train_loss: mean(loss),
            train_accuracy: 100.0 * mean(right as f64),
            test_loss: evaluation.loss,
            test_accuracy: evaluation.accuracy(),
            learning_rate,
            images_per_s: seen as f64 / seconds,
        };
        self.log(&row);
        self.progress.history.push(row);
        self.progress.position = Position::default();
        let last = self.file_of(weights)?;
        if self.progress.best() == Some(&row) {
            self.best = Some(Best {
                file: last.clone(),
                confusion: evaluation.confusion,
            });
            self.progress.mistakes = evaluation.mistakes;
        }
        self.save_state()?;
        self.save_files_of_epoch(Some(&last), false)?;
        Ok(true)
    }

    fn log(&self, row: &Epoch) {
        let settings = &self.progress.settings;
        let size = if settings.has_one_size() {
            String::new()
        } else {
            format!(" at {}", size_of_epoch(settings, row.epoch - 1))
        };
        log::info!(
            "epoch {:>3}/{}  train loss {:.4} {:5.2} %  test loss {:.4} {:5.2} %  {:.0} images/s{size}",
            row.epoch,
            settings.epochs,
            row.train_loss,
            row.train_accuracy,
            row.test_loss,
            row.test_accuracy,
            row.images_per_s
        );
    }

    /// What is evaluated and saved: the moving average if there is one.
    fn evaluated_weights(&self) -> Result<Weights> {
        Ok(match &self.average {
            Some(average) => average.to_weights(&self.network, Metadata::default())?,
            None => self.network.to_weights(Metadata::default())?,
        })
    }

    /// The file of weights after the last epoch of the history.
    fn file_of(&self, weights: Weights) -> Result<Vec<u8>> {
        let metadata = self.progress.metadata();
        Ok(weights.with_metadata(metadata)?.to_bytes()?)
    }

    /// Saves all that resuming needs.
    pub(super) fn save_state(&mut self) -> Result<()> {
        self.progress.steps = self.optimizer.state().steps;
        let weights = self.network.to_weights(Metadata::default())?;
        let average = self.average.as_ref();
        let average = average.map(|average| average.to_weights(&self.network, Metadata::default()));
        let average = average.transpose()?;
        let optimizer = self.optimizer.state();
        let bad = match (
            weights.not_finite(),
            average.as_ref().and_then(Weights::not_finite),
        ) {
            (Some(name), _) => Some(format!("`{name}`")),
            (_, Some(name)) => Some(format!("the average of `{name}`")),
            _ => not_finite_state(optimizer)?.map(|name| format!("what the optimiser remembers of `{name}`")),
        };
        if let Some(bad) = bad {
            return self.diverged(&format!("{bad} is no longer finite"));
        }
        let state = State {
            progress: self.progress.clone(),
            weights,
            average,
            best: self.best.clone(),
            optimizer: optimizer.clone(),
        };
        self.run.write(STATE, &state.to_bytes()?)?;
        self.saved = Instant::now();
        self.saved_position = self.progress.describe_position();
        Ok(())
    }

    /// Writes the files that a run which died after saving its state has not written.
    pub(super) fn save_missing_files(&self) -> Result<()> {
        // Within an epoch, the network is ahead of the files, which are those of the epoch before.
        let last = match self.progress.position.step {
            0 => Some(self.file_of(self.evaluated_weights()?)?),
            _ => None,
        };
        self.save_files_of_epoch(last.as_deref(), true)
    }

    /// Writes the files that follow from the state after an epoch. It is saved before them, so that no file is newer
    /// than it; `all` also those of the best epoch where that is an earlier one.
    fn save_files_of_epoch(&self, last: Option<&[u8]>, all: bool) -> Result<()> {
        let Some(best) = &self.best else {
            return Ok(());
        };
        if let Some(last) = last {
            self.run.write(LAST, last)?;
        }
        report::files_of_epoch(self, best, all)
    }
}

/// Name of a parameter whose past gradients the optimiser remembers as something that is not finite. Its weights may look
/// well: AdamW divides by an infinite moment.
fn not_finite_state(state: &OptimizerState) -> Result<Option<String>> {
    for (name, tensor) in &state.tensors {
        if !tensor.abs()?.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}
