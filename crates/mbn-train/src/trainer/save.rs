//! The end of an epoch: evaluation, the saved state, and the files that follow from it.

use std::time::Instant;

use anyhow::Result;
use candle_core::Device;
use mbn_model::OptimizerState;
use mbn_spec::Metadata;
use mbn_weights::Weights;

use super::Trainer;
use super::bad_images::Part;
use super::evaluate::{Tested, evaluate};
use crate::run::{
    Best, Epoch, LAST, Position, Progress, Results, STATE, State, TEST_IMAGES, write_test_images,
};

/// Mistakes that the picture shows, the most confident ones.
const MISTAKES_SHOWN: usize = 24;

impl Trainer {
    /// Evaluates and saves; `false` if the user stopped it first.
    pub(super) fn finish_epoch(&mut self) -> Result<bool> {
        let steps = self.train_loader.batches_per_epoch();
        let learning_rate = {
            let done = (self.progress.history.len() + 1) * steps;
            self.schedule().learning_rate(done.saturating_sub(1))
        };
        self.require_equal_weights()?;
        let weights = self.evaluated_weights()?;
        let evaluated = evaluate(
            Tested::of(&weights, self.network.device()),
            &self.test_loader,
            self.run.path(),
            &self.ranks,
        );
        if evaluated.is_err() {
            // The epoch is trained; only its test is missing.
            self.save_despite_error();
        }
        let Some(evaluation) = evaluated? else {
            return Ok(false);
        };
        self.note_unusable(&evaluation.unusable, Part::Test);
        if !evaluation.loss.is_finite() {
            self.ranks.all_fail();
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
        self.warn_of_chance(right, seen);
        self.progress.position = Position::default();
        let last = self.file_of(weights)?;
        if self.progress.best() == Some(&row) {
            let shown = evaluation.mistakes.iter().take(MISTAKES_SHOWN);
            self.progress.mistakes = shown.copied().collect();
            self.best = Some(Best {
                file: last.clone(),
                confusion: evaluation.confusion,
                mistakes: Some(evaluation.mistakes),
            });
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
            format!(" at {}", settings.train_size_of(row.epoch - 1))
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

    /// The weights to evaluate and save: the moving average if there is one.
    fn evaluated_weights(&self) -> Result<Weights> {
        Ok(match &self.average {
            Some(average) => average.to_weights(&self.network, Metadata::default())?,
            None => self.network.to_weights(Metadata::default())?,
        })
    }

    /// The file of the weights after the last epoch in the history.
    fn file_of(&self, weights: Weights) -> Result<Vec<u8>> {
        let metadata = self.progress.metadata();
        Ok(weights.with_metadata(metadata)?.to_bytes()?)
    }

    /// Saves everything that resuming needs, if this rank writes the run.
    pub(super) fn save_state(&mut self) -> Result<()> {
        if self.ranks.is_main() {
            self.run.write(STATE, &self.state()?.to_bytes()?)?;
        }
        self.saved = Instant::now();
        self.saved_position = self.progress.describe_position();
        Ok(())
    }

    /// Saves the run that an error ends. That error matters more than whether this succeeds.
    pub(super) fn save_despite_error(&mut self) {
        if let Err(error) = self.save_state() {
            log::error!("the run could not be saved: {error:#}");
        }
    }

    /// Everything that resuming needs.
    pub(super) fn state(&self) -> Result<State> {
        let weights = self.network.to_weights(Metadata::default())?;
        let average = self.average.as_ref();
        let average = average.map(|average| average.to_weights(&self.network, Metadata::default()));
        let average = average.transpose()?;
        let optimizer = on_cpu(self.optimizer.state())?;
        let bad = match (
            weights.not_finite(),
            average.as_ref().and_then(Weights::not_finite),
        ) {
            (Some(name), _) => Some(format!("`{name}`")),
            (_, Some(name)) => Some(format!("the average of `{name}`")),
            _ => not_finite_state(&optimizer)?.map(|name| format!("the state of the optimiser for `{name}`")),
        };
        if let Some(bad) = bad {
            return self.diverged(&format!("{bad} is no longer finite"));
        }
        Ok(State {
            progress: Progress {
                steps: optimizer.steps,
                ..self.progress.clone()
            },
            weights,
            average,
            best: self.best.clone(),
            optimizer,
        })
    }

    /// Writes the files that are missing if the run died after it saved its state.
    pub(super) fn save_missing_files(&self) -> Result<()> {
        // Within an epoch, the network is ahead of the files, which show the epoch before.
        let last = match self.progress.position.step {
            0 => Some(self.file_of(self.evaluated_weights()?)?),
            _ => None,
        };
        if !self.run.file(TEST_IMAGES).exists() {
            write_test_images(&self.run, &self.progress, &self.data)?;
        }
        self.save_files_of_epoch(last.as_deref(), true)
    }

    /// Writes the files that follow from the state after an epoch, if this rank writes the run; with `all` also those of an earlier
    /// best epoch. The state is saved first, so that no file is newer than it.
    fn save_files_of_epoch(&self, last: Option<&[u8]>, all: bool) -> Result<()> {
        let Some(best) = self.best.as_ref().filter(|_| self.ranks.is_main()) else {
            return Ok(());
        };
        if let Some(last) = last {
            self.run.write(LAST, last)?;
        }
        let results = Results {
            run: &self.run,
            progress: &self.progress,
            best,
            data: &self.data,
            architecture: self.network.architecture(),
        };
        results.write(all)
    }
}

/// The state with its tensors on the CPU.
fn on_cpu(state: &OptimizerState) -> Result<OptimizerState> {
    let tensors = state.tensors.iter();
    let tensors = tensors.map(|(name, tensor)| Ok((name.clone(), tensor.to_device(&Device::Cpu)?)));
    Ok(OptimizerState {
        steps: state.steps,
        tensors: tensors.collect::<Result<_>>()?,
    })
}

/// Name of a parameter for which the state of the optimiser is not finite. Its weights may still be: AdamW divides by an
/// infinite moment.
fn not_finite_state(state: &OptimizerState) -> Result<Option<String>> {
    for (name, tensor) in &state.tensors {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        if !values.iter().all(|value| value.is_finite()) {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}
