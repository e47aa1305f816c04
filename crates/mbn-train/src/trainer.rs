//! The run: epochs of steps, evaluation, and what is saved after each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use candle_core::Device;
use indicatif::ProgressBar;
use mbn_cli::{Outcome, interrupt, progress};
use mbn_data::{Augment, CachedSource, Loader, LoaderConfig, Source, Splits, default_cache_budget};
use mbn_model::{Network, Optimizer, cross_entropy, fresh_weights};
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess, Weights};

use crate::device;
use crate::evaluate::{Evaluation, evaluate};
use crate::feed::Feed;
use crate::history::{Epoch, to_csv};
use crate::meter::{Meter, Reading};
use crate::options::Options;
use crate::resume::{Progress, State};
use crate::run_dir::{BEST, HISTORY, LAST, RunDir, STATE};
use crate::schedule::Schedule;
use crate::settings::{Recipe, Settings};
use crate::{publish, report};

/// How often `--log-level debug` says how fast training is.
const STEPS_BETWEEN_MESSAGES: usize = 10;

/// A run in memory.
pub(crate) struct Trainer {
    pub run: RunDir,
    pub progress: Progress,
    pub data: Splits,
    pub preprocess: Preprocess,
    pub network: Network,
    feed: Feed,
    meter: Meter,
    optimizer: Optimizer,
    train_loader: Loader,
    test_loader: Loader,
}

/// What an epoch of steps came to.
struct Steps {
    loss: f64,
    accuracy: f64,
    learning_rate: f64,
    images_per_s: f64,
}

impl Trainer {
    /// A new run.
    pub fn start(settings: Settings, options: &Options, device: &Device) -> Result<Self> {
        device::set_products(device, settings.precision)?;
        let data = open_data(&settings)?;
        let classes = data.class_names.clone();
        let alpha = parse_alpha(&settings)?;
        let architecture = Architecture::new(alpha, classes.len());
        let weights = match &settings.init {
            Some(path) => initial_weights(path, &architecture)?,
            None => fresh_weights(architecture, settings.seed, Metadata::default())?,
        };
        let run = RunDir::create(options.out.as_deref(), &settings)?;
        log::info!("Writing to `{}`", run.path().display());
        let progress = Progress {
            settings,
            classes,
            steps: 0,
            history: Vec::new(),
        };
        Self::new(run, progress, data, &weights, options, device)
    }

    /// A run that was interrupted.
    pub fn resume(run: RunDir, options: &Options, device: &Device) -> Result<Self> {
        let State {
            progress,
            weights,
            optimizer,
        } = State::load(&run.file(STATE), device)?;
        device::set_products(device, progress.settings.precision)?;
        let data = open_data(&progress.settings)?;
        if data.class_names != progress.classes {
            let folder = progress.settings.data.display();
            bail!("the classes in `{folder}` are not those that the run was started with");
        }
        let (done, epochs) = (progress.history.len(), progress.settings.epochs);
        log::info!(
            "Resuming `{}` after epoch {done} of {epochs}",
            run.path().display()
        );
        let mut trainer = Self::new(run, progress, data, &weights, options, device)?;
        trainer.optimizer.set_state(optimizer);
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
        let preprocess = Preprocess {
            size: settings.size,
            ..Preprocess::default()
        };
        let (train_loader, test_loader) =
            loaders(&data, settings, preprocess, options.workers.get(), device)?;
        let mut network = Network::from_weights(weights, device)?;
        network.set_precision(settings.precision.dtype());
        Ok(Self {
            feed: Feed::new(device, preprocess)?,
            meter: Meter::new(device),
            network,
            optimizer: Optimizer::new(settings.optimizer.kind(), settings.weight_decay, false),
            preprocess,
            train_loader,
            test_loader,
            run,
            progress,
            data,
        })
    }

    /// Runs the epochs that are left.
    pub fn train(&mut self) -> Result<Outcome> {
        for epoch in self.progress.history.len()..self.progress.settings.epochs {
            let Some(steps) = self.train_epoch(epoch)? else {
                let run = self.run.path().display();
                log::warn!("interrupted; go on after epoch {epoch} with `mbn-train --resume {run}`");
                return Ok(Outcome::Interrupted);
            };
            self.finish_epoch(epoch, &steps)?;
        }
        Ok(Outcome::Success)
    }

    /// Publishes the weights and says what came out.
    pub fn finish(&self, options: &Options) -> Result<()> {
        let Some(best) = self.progress.best() else {
            return Ok(());
        };
        let path = self.run.file(BEST);
        log::info!(
            "Best test accuracy: {:.2} % after epoch {}, in `{}`",
            best.test_accuracy,
            best.epoch,
            path.display()
        );
        publish::publish(&Weights::load(&path)?, options)
    }

    /// One pass over the training set; `None` if the user stopped it.
    fn train_epoch(&mut self, epoch: usize) -> Result<Option<Steps>> {
        let steps = self.train_loader.batches_per_epoch();
        let images = self.train_loader.samples_per_epoch();
        let settings = self.progress.settings.clone();
        let schedule = Schedule {
            peak: settings.learning_rate,
            warmup_steps: settings.warmup_epochs * steps as f64,
            steps: (settings.epochs * steps) as f64,
        };
        let title = format!("epoch {:>3}/{}", epoch + 1, settings.epochs);
        let bar = progress::bar(
            images as u64,
            &format!("{title} {{wide_bar}} {{pos}}/{{len}} {{msg}} {{eta}} left"),
        );
        let start = Instant::now();
        let (mut loss_sum, mut right, mut seen, mut learning_rate) = (0.0, 0, 0, 0.0);
        let mut taken = 0;
        let batches = self.train_loader.epoch(epoch as u64);
        for (i, batch) in batches.enumerate() {
            if interrupt::requested() {
                bar.abandon();
                return Ok(None);
            }
            let batch = batch?;
            taken += batch.labels.len();
            learning_rate = schedule.learning_rate(epoch * steps + i);
            let mut reading = self.step(batch, learning_rate)?;
            if taken == images {
                reading = self.meter.read()?.or(reading);
            }
            let Some(reading) = reading else { continue };
            if !reading.loss.is_finite() {
                bar.abandon();
                return Err(self.diverged(epoch, i, learning_rate, reading.loss));
            }
            loss_sum += reading.loss;
            right += reading.right;
            seen += reading.images;
            describe(&bar, reading.images, loss_sum, right, seen, start.elapsed());
            if (i + 1) % STEPS_BETWEEN_MESSAGES == 0 {
                let rate = seen as f64 / start.elapsed().as_secs_f64();
                log::debug!("epoch {}, step {}/{steps}: {rate:.1} images/s", epoch + 1, i + 1);
            }
        }
        bar.finish_and_clear();
        let mean = |sum: f64| sum / seen.max(1) as f64;
        let images_per_s = seen as f64 / start.elapsed().as_secs_f64();
        Ok(Some(Steps {
            loss: mean(loss_sum),
            accuracy: 100.0 * mean(right as f64),
            learning_rate,
            images_per_s,
        }))
    }

    /// One step; what was read of it and of those before, if it is time to.
    fn step(&mut self, batch: mbn_data::Batch, learning_rate: f64) -> Result<Option<Reading>> {
        let (images, labels) = self.feed.tensors(batch)?;
        let pass = self.network.forward_train(&images)?;
        let loss = cross_entropy(pass.logits(), &labels, self.progress.settings.label_smoothing)?;
        self.meter.add(&loss, &pass.logits().detach(), &labels)?;
        let reading = self.meter.read_if_due()?;
        if reading.is_none_or(|reading| reading.loss.is_finite()) {
            let gradients = self.network.backward(pass, &loss)?;
            self.optimizer
                .step(self.network.parameters(), &gradients, learning_rate)?;
        }
        Ok(reading)
    }

    fn diverged(&self, epoch: usize, step: usize, learning_rate: f64, loss: f64) -> anyhow::Error {
        let last = self.run.file(LAST);
        let checkpoint = if self.progress.history.is_empty() {
            "no epoch was finished before".to_owned()
        } else {
            format!("the last good weights are in `{}`", last.display())
        };
        let (epoch, step) = (epoch + 1, step + 1);
        anyhow::anyhow!(
            "the loss became {loss} in epoch {epoch}, step {step}, at learning rate {learning_rate}; {checkpoint}"
        )
    }

    /// Evaluates, and saves all there is; the state comes last.
    fn finish_epoch(&mut self, epoch: usize, steps: &Steps) -> Result<()> {
        let weights = self.network.to_weights(Metadata::default())?;
        let evaluation = evaluate(&weights, &self.test_loader, self.network.device())?;
        let row = Epoch {
            epoch: epoch + 1,
            train_loss: steps.loss,
            train_accuracy: steps.accuracy,
            test_loss: evaluation.loss,
            test_accuracy: evaluation.accuracy(),
            learning_rate: steps.learning_rate,
            images_per_s: steps.images_per_s,
        };
        self.progress.history.push(row);
        self.progress.steps = self.optimizer.state().steps;
        log::info!(
            "epoch {:>3}/{}  train loss {:.4}  accuracy {:5.2} %  test loss {:.4}  accuracy {:5.2} %  {:.0} images/s",
            row.epoch,
            self.progress.settings.epochs,
            row.train_loss,
            row.train_accuracy,
            row.test_loss,
            row.test_accuracy,
            row.images_per_s
        );
        self.save(&evaluation)
    }

    fn save(&self, evaluation: &Evaluation) -> Result<()> {
        let metadata = self.progress.metadata(&self.data.name, self.preprocess);
        let weights = self.network.to_weights(metadata)?;
        weights.save(&self.run.file(LAST))?;
        let newest = self.progress.history.last();
        if self.progress.best() == newest {
            weights.save(&self.run.file(BEST))?;
            report::confusion(&self.run, evaluation, &self.progress)?;
        }
        self.run.write(HISTORY, &to_csv(&self.progress.history)?)?;
        report::curves(&self.run, &self.progress)?;
        report::summary(self)?;
        let optimizer = self.optimizer.state().clone();
        let state = State {
            progress: self.progress.clone(),
            weights,
            optimizer,
        };
        self.run.write(STATE, &state.to_bytes()?)
    }
}

/// Training and test batches; decoded images stay in memory while there is room.
fn loaders(
    data: &Splits,
    settings: &Settings,
    preprocess: Preprocess,
    workers: usize,
    device: &Device,
) -> Result<(Loader, Loader)> {
    let mut train =
        LoaderConfig::training(preprocess, settings.batch_size, settings.seed).with_workers(workers);
    train = train.with_bytes(device.is_cuda());
    if settings.recipe == Recipe::Strong {
        train = train.with_augment(Augment::default());
    }
    let test = LoaderConfig::evaluation(preprocess, settings.batch_size).with_workers(workers);
    let total = (data.train.len() + data.test.len()).max(1) as u64;
    // Asked for once: what is free changes with every query.
    let budget = default_cache_budget();
    let share = |part: usize| budget / total * part as u64;
    let cached = |source: &Arc<dyn Source>| CachedSource::new(Arc::clone(source), share(source.len()));
    let train = Loader::new(Arc::new(cached(&data.train)), train).context("cannot load training images")?;
    let test = Loader::new(Arc::new(cached(&data.test)), test).context("cannot load test images")?;
    Ok((train, test))
}

fn describe(bar: &ProgressBar, n: usize, loss_sum: f64, right: usize, seen: usize, elapsed: Duration) {
    let (loss, accuracy) = (loss_sum / seen as f64, 100.0 * right as f64 / seen as f64);
    let rate = seen as f64 / elapsed.as_secs_f64();
    bar.set_message(format!(
        "loss {loss:.4}  accuracy {accuracy:.1} %  {rate:.0} images/s"
    ));
    bar.inc(n as u64);
}

fn open_data(settings: &Settings) -> Result<Splits> {
    Ok(mbn_data::open(&settings.data)?)
}

fn parse_alpha(settings: &Settings) -> Result<Alpha> {
    Ok(settings.alpha.to_string().parse()?)
}

/// Weights to start from, which must be of the network that is asked for.
fn initial_weights(path: &std::path::Path, architecture: &Architecture) -> Result<Weights> {
    let weights = Weights::load(path)?;
    let found = weights.architecture();
    if found != architecture {
        bail!(
            "`--init {}` holds alpha {} with {} classes, the run needs alpha {} with {} classes",
            path.display(),
            found.alpha,
            found.classes,
            architecture.alpha,
            architecture.classes
        );
    }
    Ok(weights)
}
