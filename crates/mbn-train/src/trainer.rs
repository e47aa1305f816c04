//! The run: how it starts, goes on, and ends.

mod epoch;
mod save;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use candle_core::Device;
use mbn_cli::Outcome;
use mbn_data::{Loader, Splits};
use mbn_model::{Network, Optimizer, WeightAverage};
use mbn_spec::Weights;

use crate::bar::Pace;
use crate::dataset;
use crate::device;
use crate::feed::Feed;
use crate::meter::Meter;
use crate::options::Options;
use crate::resume::{Best, Position, Progress, State};
use crate::run_dir::{AUGMENTED, BEST, RunDir, STATE};
use crate::starting::{self, Start};
use crate::{publish, report};

/// What a run keeps on disk at most, in sizes of its weights: the state (weights, average, best weights, two moments)
/// and the one that replaces it, last and best weights.
const WEIGHTS_ON_DISK: usize = 12;

/// A run in memory.
pub(crate) struct Trainer {
    pub run: RunDir,
    pub progress: Progress,
    pub data: Splits,
    pub network: Network,
    feed: Feed,
    meter: Meter,
    average: Option<WeightAverage>,
    best: Option<Best>,
    optimizer: Optimizer,
    class_weights: Option<Vec<f32>>,
    train_loader: Loader,
    test_loader: Loader,
    save_every: Duration,
    saved: Instant,
    /// Where the run was when it was last saved.
    saved_position: String,
    pace: Pace,
}

impl Trainer {
    /// A new run.
    pub fn start(options: &Options, device: &Device) -> Result<Self> {
        let args = options.run_args()?;
        let folder = dataset::locate(args.data.as_deref())?;
        let init = args.init.as_deref();
        let init = init.map(|path| starting::load(path, args.init_classes.as_deref()));
        let init = init.transpose()?;
        let init_alpha = init.as_ref().map(|weights| weights.architecture().alpha);
        let settings = options.resolve(args, folder, init_alpha)?;
        device::set_products(device, settings.precision)?;
        let data = dataset::open(&settings)?;
        let classes = data.class_names.clone();
        let (alpha, size, seed) = (settings.alpha, settings.size, settings.seed);
        let Start { weights, preprocess } = match (&init, &settings.init) {
            (Some(init), Some(path)) => Start::from_file(init, path, alpha, &classes, size, seed)?,
            _ => Start::random(alpha, &classes, size, seed)?,
        };
        let run = RunDir::create(options.out.as_deref(), &settings)?;
        run.require_space(WEIGHTS_ON_DISK * weights.to_bytes()?.len())?;
        log::info!("Writing to `{}`", run.path().display());
        let progress = Progress {
            settings,
            preprocess,
            classes,
            train_images: data.train.len(),
            threads: options.common.thread_count(),
            steps: 0,
            history: Vec::new(),
            position: Position::default(),
            mistakes: Vec::new(),
        };
        let mut trainer = Self::new(run, progress, data, &weights, options, device)?;
        if trainer.progress.settings.ema > 0.0 {
            let average = WeightAverage::new(&trainer.network, trainer.progress.settings.ema)?;
            trainer.average = Some(average);
        }
        // From here on, whatever happens, the run can be resumed.
        trainer.save_state()?;
        report::augmented(&trainer.run, &trainer.train_loader, &trainer.progress)?;
        Ok(trainer)
    }

    /// A run that was interrupted.
    pub fn resume(run: RunDir, options: &Options, device: &Device) -> Result<Self> {
        let path = run.file(STATE);
        let state = State::load(&path, device)?;
        let State {
            progress,
            weights,
            average,
            best,
            optimizer,
        } = state;
        device::set_products(device, progress.settings.precision)?;
        let data = dataset::open(&progress.settings)?;
        let folder = progress.settings.data.display();
        if data.class_names != progress.classes {
            bail!("the classes in `{folder}` are not those that the run was started with");
        }
        let (images, expected) = (data.train.len(), progress.train_images);
        if images != expected {
            bail!("`{folder}` has {images} training images, the run was started with {expected}");
        }
        let threads = options.common.thread_count();
        if threads != progress.threads {
            log::warn!(
                "the run was started with {} threads and goes on with {threads}; `--threads {}` repeats it bit by bit",
                progress.threads,
                progress.threads
            );
        }
        run.require_space(WEIGHTS_ON_DISK / 2 * weights.to_bytes()?.len())?;
        log::info!(
            "Resuming `{}` {}",
            run.path().display(),
            progress.describe_position()
        );
        let mut trainer = Self::new(run, progress, data, &weights, options, device)?;
        trainer.optimizer.set_state(optimizer);
        let ema = trainer.progress.settings.ema;
        let average = average.map(|average| WeightAverage::from_weights(&average, &trainer.network, ema));
        trainer.average = average.transpose()?;
        trainer.best = best;
        trainer.save_missing_files()?;
        if !trainer.run.file(AUGMENTED).exists() {
            report::augmented(&trainer.run, &trainer.train_loader, &trainer.progress)?;
        }
        Ok(trainer)
    }

    fn new(
        run: RunDir,
        progress: Progress,
        data: Splits,
        weights: &Weights,
        options: &Options,
        device: &Device,
    ) -> Result<Self> {
        let settings = &progress.settings;
        let architecture = weights.architecture();
        log::info!(
            "MobileNetV1 {}: {} parameters, {} classes, {} training and {} test images",
            architecture.alpha,
            architecture.summary(settings.size).parameters(),
            architecture.classes,
            data.train.len(),
            data.test.len(),
        );
        if settings.freeze.blocks() > 0 {
            log::info!("Frozen: {}", settings.freeze);
        }
        let workers = usize::from(options.workers);
        let (train_loader, test_loader) =
            dataset::loaders(&data, settings, progress.preprocess, workers, device)?;
        let mut network = Network::from_weights(weights, device)?;
        network.set_precision(settings.precision.dtype());
        network.freeze(settings.freeze.blocks());
        let class_weights = dataset::class_weights(&data, settings);
        Ok(Self {
            feed: Feed::new(
                device,
                #[cfg(feature = "cuda")]
                progress.preprocess,
            )?,
            meter: Meter::new(device),
            network,
            average: None,
            best: None,
            optimizer: Optimizer::new(settings.optimizer.kind(), settings.weight_decay, false),
            class_weights,
            train_loader,
            test_loader,
            save_every: Duration::try_from_secs_f64(60.0 * options.save_every.get()).unwrap_or(Duration::MAX),
            saved: Instant::now(),
            saved_position: progress.describe_position(),
            pace: Pace::new(0.0),
            run,
            progress,
            data,
        })
    }

    /// Runs the epochs that are left.
    pub fn train(&mut self) -> Result<Outcome> {
        self.pace = Pace::new(self.epochs_done());
        while self.progress.history.len() < self.progress.settings.epochs {
            if self.progress.out_of_patience() {
                let patience = self.progress.settings.patience;
                log::info!("Stopping early: no better test accuracy in {patience} epochs");
                break;
            }
            if !(self.train_epoch()? && self.finish_epoch()?) {
                self.save_state()?;
                let (position, run) = (self.progress.describe_position(), self.run.path().display());
                log::warn!("interrupted; saved {position}, go on with `mbn-train --resume {run}`");
                return Ok(Outcome::Interrupted);
            }
        }
        Ok(Outcome::Success)
    }

    /// Publishes the weights and says what came out.
    pub fn finish(&self, options: &Options) -> Result<()> {
        let (Some(row), Some(best)) = (self.progress.best(), &self.best) else {
            return Ok(());
        };
        log::info!(
            "Best test accuracy: {:.2} % after epoch {}, in `{}`",
            row.test_accuracy,
            row.epoch,
            self.run.file(BEST).display()
        );
        publish::publish(&Weights::from_bytes(&best.file)?, options)
    }
}

#[cfg(test)]
#[path = "trainer_tests.rs"]
mod tests;
