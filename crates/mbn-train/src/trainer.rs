//! A run in memory: its parts, its epochs, and its end.

mod advice;
mod bad_images;
mod batch;
mod batch_norm_sums;
mod checks;
mod division;
mod epoch;
mod evaluate;
mod feed;
mod find_rate;
mod init;
mod largest;
mod moved_data;
mod pace;
mod progress_bar;
mod rate_search;
mod resume;
mod same_images;
mod save;
mod schedule;
mod shared_step;
mod short_steps;
mod start;
mod targets;
mod teacher;
mod together;

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use candle_core::Device;
use mbn_cli::Outcome;
use mbn_data::{Loader, Splits};
use mbn_model::{Decayed, Meter, Network, Optimizer, WeightAverage};
use mbn_spec::text::counted;
use mbn_weights::Weights;

pub use schedule::Schedule;

use self::feed::Feed;
use self::pace::Pace;
use self::teacher::Teacher;
use crate::again;
use crate::data::{self, Loading};
use crate::options::Options;
use crate::ranks::Ranks;
use crate::run::{BEST, Best, Progress, RunDir};
use crate::settings::Settings;

/// A run in memory.
pub(crate) struct Trainer {
    ranks: Rc<Ranks>,
    /// Whether the user asked any rank to stop.
    is_stopping: bool,
    run: RunDir,
    progress: Progress,
    data: Splits,
    network: Network,
    feed: Feed,
    meter: Meter,
    average: Option<WeightAverage>,
    best: Option<Best>,
    optimizer: Optimizer,
    class_weights: Option<Vec<f32>>,
    teacher: Option<Teacher>,
    train_loader: Loader,
    test_loader: Loader,
    save_every: Duration,
    saved: Instant,
    /// The position of the run when it was last saved.
    saved_position: String,
    pace: Pace,
}

impl Trainer {
    fn new(
        run: RunDir,
        progress: Progress,
        data: Splits,
        weights: &Weights,
        options: &Options,
        device: &Device,
        ranks: &Rc<Ranks>,
    ) -> Result<Self> {
        let settings = &progress.settings;
        let architecture = weights.architecture();
        let unusable = progress.unusable();
        log::info!(
            "MobileNetV1 {}: {} parameters, {}, {} training and {}",
            architecture.alpha,
            architecture.summary(settings.size.get()).parameters(),
            architecture.class_count(),
            data.train.len() - unusable.train.len(),
            counted(data.test.len() - unusable.test.len(), "test image"),
        );
        if settings.freeze.blocks() > 0 {
            log::info!("Frozen: {}", settings.freeze);
        }
        if settings.sync_batch_norm {
            log::info!("{}", describe_sync(ranks.size()));
        }
        let workers = options.worker_count(device.is_cuda());
        log::debug!("{workers} threads decode images");
        let left_out = &progress.left_out;
        let loading = Loading {
            workers,
            part: ranks.part(),
            processes: ranks.on_this_machine().0,
        };
        let (train_loader, test_loader) =
            data::loaders(&data, settings, progress.preprocess, loading, device, left_out)?;
        let network = network(weights, settings, device)?;
        let class_weights = data::class_weights(&data, settings, left_out);
        Ok(Self {
            feed: Feed::new(
                device,
                #[cfg(feature = "cuda")]
                progress.preprocess,
            )?,
            // The ranks exchange what it reads in every step.
            meter: match ranks.are_one() {
                true => Meter::new(device),
                false => Meter::every(1),
            },
            network,
            average: None,
            best: None,
            optimizer: optimizer(settings),
            class_weights,
            teacher: None,
            train_loader,
            test_loader,
            save_every: Duration::try_from_secs_f64(60.0 * options.save_every.get()).unwrap_or(Duration::MAX),
            saved: Instant::now(),
            saved_position: progress.describe_position(),
            pace: Pace::new(0.0),
            ranks: Rc::clone(ranks),
            is_stopping: false,
            run,
            progress,
            data,
        })
    }

    /// Runs the remaining epochs.
    pub fn train(&mut self) -> Result<Outcome> {
        if !self.introduce_teacher()? {
            return self.interrupted();
        }
        self.require_memory()?;
        self.pace = Pace::new(self.epochs_done());
        while self.progress.history.len() < self.progress.settings.epochs.get() {
            if self.progress.out_of_patience() {
                let patience = counted(self.progress.settings.patience, "epoch");
                log::info!("Stopping early: no better test accuracy in {patience}");
                break;
            }
            if !(self.train_epoch()? && self.finish_epoch()?) {
                return self.interrupted();
            }
        }
        Ok(Outcome::Success)
    }

    /// Saves the run that the user stopped.
    fn interrupted(&mut self) -> Result<Outcome> {
        self.save_state()?;
        let (position, resume) = (self.progress.describe_position(), again::resume(self.run.path()));
        log::warn!("interrupted; saved {position}, continue with `{resume}`");
        // A launcher ends all ranks when the first ends.
        self.ranks.wait()?;
        Ok(Outcome::Interrupted)
    }

    /// Publishes the best weights and reports their accuracy.
    pub fn finish(&self) -> Result<()> {
        if self.ranks.is_main() {
            self.publish()?;
        }
        // A launcher ends all ranks when the first ends.
        self.ranks.wait()
    }

    fn publish(&self) -> Result<()> {
        let (Some(row), Some(best)) = (self.progress.best(), &self.best) else {
            return Ok(());
        };
        log::info!(
            "Best test accuracy: {:.2} % after epoch {}, in `{}`",
            row.test_accuracy,
            row.epoch,
            self.run.file(BEST).display()
        );
        let (left_out, broken) = (self.progress.left_out.len(), self.progress.broken.len());
        if left_out + broken > 0 {
            let images = if left_out + broken == 1 { "image" } else { "images" };
            log::warn!("{} {images} could not be used", left_out + broken);
        }
        if self.progress.short_steps > 0 {
            log::warn!(
                "{} had too few images that could be used, and did without them",
                counted(self.progress.short_steps, "step")
            );
        }
        let weights = Weights::from_bytes(&best.file)?;
        self.progress.publish.publish(&weights, self.run.path())
    }
}

/// What `--sync-batch-norm` does with so many ranks.
fn describe_sync(ranks: usize) -> String {
    match ranks {
        1 => "`--sync-batch-norm` has no effect: batch norm of one process sees whole batches".to_owned(),
        _ => format!("Batch norm uses the statistics of the images of all {ranks} ranks"),
    }
}

/// The network that a run trains, with the given weights.
fn network(weights: &Weights, settings: &Settings, device: &Device) -> Result<Network> {
    let mut network = Network::from_weights(weights, device)?;
    network.set_activation_type(settings.precision.activation_type());
    network.freeze(settings.freeze.blocks());
    Ok(network)
}

/// The optimiser of a run before its first step.
fn optimizer(settings: &Settings) -> Optimizer {
    Optimizer::new(
        settings.optimizer.kind(),
        settings.weight_decay.get(),
        Decayed::Weights,
    )
}

#[cfg(test)]
mod tests;
