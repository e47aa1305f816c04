//! `--lr-find`: short trainings at several learning rates in place of a run.

mod report;

use std::io::Write;
use std::rc::Rc;

use anyhow::{Result, bail};
use candle_core::Device;
use mbn_cli::{Outcome, interrupt, progress};
use mbn_data::{Batch, LoaderError};
use mbn_model::Meter;
use mbn_spec::Metadata;
use mbn_weights::Weights;

use super::Trainer;
use super::rate_search::{RateSearch, Steps, Trial};
use crate::options::Options;
use crate::ranks::Ranks;
use crate::run::{RunDir, write_augmented};

impl Trainer {
    /// Trains for a short while at each of several rates, prints the one that suits the run, and writes what it found.
    pub fn find_rate(options: &Options, device: &Device) -> Result<Outcome> {
        if let Some(folder) = &options.out {
            RunDir::require_no_search(folder)?;
        }
        let Some(mut trainer) = Self::prepare(options, device, &Rc::new(Ranks::alone()))? else {
            return Ok(Outcome::Interrupted);
        };
        trainer.run.write_settings(&trainer.progress.settings)?;
        write_augmented(&trainer.run, &trainer.progress, &trainer.train_loader)?;
        let Some(search) = trainer.try_rates()? else {
            log::warn!("interrupted; the search starts anew");
            return Ok(Outcome::Interrupted);
        };
        trainer.write_rates(&search)?;
        let rate = trainer.suggestion(&search)?;
        writeln!(std::io::stdout(), "{rate}")?;
        Ok(Outcome::Success)
    }

    /// The finished search; `None` if the user stopped it.
    fn try_rates(&mut self) -> Result<Option<RateSearch>> {
        let settings = &self.progress.settings;
        if settings.train_size_of(0) < settings.largest_train_size() {
            log::info!(
                "The search trains at {} pixels throughout, the size to which `--progressive` grows",
                settings.largest_train_size()
            );
        }
        let initial = self.network.to_weights(Metadata::default())?;
        let batches = self.train_loader.batches_per_epoch();
        let steps = Steps::of_run(self.progress.settings.epochs.get().saturating_mul(batches));
        let Some(untrained) = self.measure(&initial, steps)? else {
            return Ok(None);
        };
        let mut search = RateSearch::new(self.progress.settings.lr.get(), untrained);
        while let Some(rate) = search.next_rate() {
            let Some(trial) = self.train_at(rate, search.untrained(), &initial)? else {
                return Ok(None);
            };
            search.add(trial);
        }
        Ok(Some(search))
    }

    /// The loss of the weights as they are, on the batches that count; `None` if the user stopped it.
    fn measure(&mut self, initial: &Weights, steps: Steps) -> Result<Option<Trial>> {
        self.restart(initial)?;
        let mut trial = Trial::untrained(steps);
        let is_done = self.pass_batches(steps.before_scored(), steps.count(), |trainer, step, batch| {
            if let Some(loss) = trainer.loss_of(batch)? {
                trial.add(step, loss);
            }
            Ok(true)
        })?;
        if is_done && trial.losses().is_empty() {
            bail!("no training image can be used any more");
        }
        Ok(is_done.then_some(trial))
    }

    /// A trial of a rate; `None` if the user stopped it.
    fn train_at(&mut self, rate: f64, untrained: &Trial, initial: &Weights) -> Result<Option<Trial>> {
        self.restart(initial)?;
        let mut trial = Trial::new(rate, untrained);
        let steps = trial.steps();
        let bar = progress::bar(
            steps.count() as u64,
            &format!("learning rate {rate} {{wide_bar}} {{pos}}/{{len}}"),
        );
        let is_done = self.pass_batches(0, steps.count(), |trainer, step, batch| {
            bar.inc(1);
            if let Some(reading) = trainer.step(batch, trial.rate_at(step))? {
                trial.add(step, reading.loss / reading.images as f64);
            }
            Ok(!trial.has_diverged())
        });
        bar.finish_and_clear();
        Ok(is_done?.then_some(trial))
    }

    /// Passes the batches of a run's steps after `first` up to `last`, each with its number from 1, until `pass` says to stop.
    /// `false` if the user stopped it.
    fn pass_batches(
        &mut self,
        first: usize,
        last: usize,
        mut pass: impl FnMut(&mut Self, usize, Result<Batch, LoaderError>) -> Result<bool>,
    ) -> Result<bool> {
        let size = self.progress.settings.largest_train_size();
        let per_epoch = self.train_loader.batches_per_epoch();
        let mut step = first;
        while step < last {
            let epoch = self
                .train_loader
                .epoch_from((step / per_epoch) as u64, size, step % per_epoch)?;
            for batch in epoch.take(last - step) {
                if interrupt::requested() {
                    return Ok(false);
                }
                step += 1;
                if !pass(self, step, batch)? {
                    return Ok(true);
                }
            }
        }
        Ok(true)
    }

    /// Begins anew with the initial weights.
    fn restart(&mut self, initial: &Weights) -> Result<()> {
        let (settings, device) = (&self.progress.settings, self.network.device().clone());
        self.network = super::network(initial, settings, &device)?;
        self.optimizer = super::optimizer(settings);
        // The loss of every step counts.
        self.meter = Meter::every(1);
        // The average of the weights has no influence on the losses.
        self.average = None;
        Ok(())
    }

    /// The mean loss of a batch; `None` if it has no images.
    fn loss_of(&mut self, batch: Result<Batch, LoaderError>) -> Result<Option<f64>> {
        let batch = self.usable(batch)?;
        if batch.labels.is_empty() {
            return Ok(None);
        }
        self.forward(batch, None)?;
        let reading = self.meter.read()?;
        Ok(reading.map(|reading| reading.loss / reading.images as f64))
    }
}
