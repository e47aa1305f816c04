//! The run: epochs of steps, evaluation, and what is saved when.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use candle_core::{Device, Tensor};
use indicatif::ProgressBar;
use mbn_cli::{Hint, Outcome, interrupt, progress};
use mbn_data::{Batch, Loader, Splits};
use mbn_model::{
    Network, Optimizer, OptimizerState, WeightAverage, cross_entropy, soft_cross_entropy, weigh_targets,
};
use mbn_spec::{Metadata, Weights};

use crate::dataset::{self, size_of_epoch};
use crate::device;
use crate::evaluate::{Evaluation, evaluate};
use crate::feed::Feed;
use crate::history::Epoch;
use crate::meter::{Meter, Reading};
use crate::options::Options;
use crate::resume::{Best, Position, Progress, State};
use crate::run_dir::{AUGMENTED, BEST, LAST, RunDir, STATE};
use crate::schedule::Schedule;
use crate::settings::Settings;
use crate::starting::{self, Start};
use crate::{publish, report};

/// How often `--log-level debug` says how fast training is.
const STEPS_BETWEEN_MESSAGES: usize = 10;
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
}

impl Trainer {
    /// A new run.
    pub fn start(options: &Options, device: &Device) -> Result<Self> {
        let args = options.run_args()?;
        let folder = dataset::locate(args.data.as_deref())?;
        let init = args.init.as_deref().map(starting::load).transpose()?;
        let init_alpha = init.as_ref().map(|weights| weights.architecture().alpha);
        let settings = Settings::resolve(args, folder, init_alpha)?;
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
        trainer.save_files_of_epoch(true)?;
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
        let workers = options.workers.get();
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
            run,
            progress,
            data,
        })
    }

    /// Runs the epochs that are left.
    pub fn train(&mut self) -> Result<Outcome> {
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

    /// The rest of a pass over the training set; `false` if the user stopped it.
    fn train_epoch(&mut self) -> Result<bool> {
        let epoch = self.progress.history.len();
        let settings = self.progress.settings.clone();
        let steps = self.train_loader.batches_per_epoch();
        let schedule = self.schedule();
        let size = size_of_epoch(&settings, epoch);
        let title = format!("epoch {:>3}/{}", epoch + 1, settings.epochs);
        let bar = progress::bar(
            self.train_loader.samples_per_epoch() as u64,
            &format!("{title} {{wide_bar}} {{pos}}/{{len}} {{msg}} {{eta}} left"),
        );
        let mut start = Instant::now();
        let first = self.progress.position;
        bar.set_position(first.seen as u64);
        bar.reset_eta();
        for batch in self.train_loader.epoch_from(epoch as u64, size, first.step)? {
            if interrupt::requested() {
                self.record_rest(&bar, &mut start)?;
                bar.abandon();
                return Ok(false);
            }
            let learning_rate = schedule.learning_rate(epoch * steps + self.progress.position.step);
            let reading = self.step(batch?, learning_rate)?;
            self.progress.position.step += 1;
            if let Some(reading) = reading {
                self.record(reading, &bar, &mut start)?;
            }
            let position = &self.progress.position;
            if position.step.is_multiple_of(STEPS_BETWEEN_MESSAGES) && position.seen > 0 {
                let rate = position.seen as f64 / position.seconds;
                log::debug!(
                    "epoch {}, step {}/{steps}: {rate:.1} images/s",
                    epoch + 1,
                    position.step
                );
            }
            if self.saved.elapsed() >= self.save_every {
                self.record_rest(&bar, &mut start)?;
                self.save_state()?;
                // Training alone is what images/s speaks of.
                start = Instant::now();
            }
        }
        self.record_rest(&bar, &mut start)?;
        bar.finish_and_clear();
        Ok(!interrupt::requested())
    }

    /// Adds what was read of the last steps; an error if their loss is no number.
    fn record(&mut self, reading: Reading, bar: &ProgressBar, start: &mut Instant) -> Result<()> {
        let mean = reading.loss / reading.images as f64;
        if !mean.is_finite() {
            bar.abandon();
            let position = &mut self.progress.position;
            position.step = position.step.saturating_sub(1);
            let done = self.progress.history.len() * self.train_loader.batches_per_epoch();
            let learning_rate = self.schedule().learning_rate(done + self.progress.position.step);
            let what = match reading.steps {
                1 => format!("the loss became {mean}"),
                steps => format!("the loss became {mean} in one of {steps} steps that end"),
            };
            return self.diverged(&what, learning_rate);
        }
        let position = &mut self.progress.position;
        position.loss += reading.loss;
        position.right += reading.right;
        position.seen += reading.images;
        position.seconds += start.elapsed().as_secs_f64();
        *start = Instant::now();
        describe(bar, reading.images, position);
        Ok(())
    }

    /// Adds the steps that have not been read yet.
    fn record_rest(&mut self, bar: &ProgressBar, start: &mut Instant) -> Result<()> {
        match self.meter.read()? {
            Some(reading) => self.record(reading, bar, start),
            None => Ok(()),
        }
    }

    fn schedule(&self) -> Schedule {
        let settings = &self.progress.settings;
        let steps = self.train_loader.batches_per_epoch();
        Schedule {
            peak: settings.learning_rate,
            warmup_steps: settings.warmup_epochs * steps as f64,
            steps: (settings.epochs * steps) as f64,
        }
    }

    /// One step; what was read of it and of those before, if it is time to.
    fn step(&mut self, batch: Batch, learning_rate: f64) -> Result<Option<Reading>> {
        let targets = self.targets(&batch, self.network.device())?;
        let (images, labels) = self.feed.tensors(batch)?;
        let pass = self.network.forward_train(&images)?;
        let loss = match targets {
            Some(targets) => soft_cross_entropy(pass.logits(), &targets)?,
            None => cross_entropy(pass.logits(), &labels, self.progress.settings.label_smoothing)?,
        };
        self.meter.add(&loss, &pass.logits().detach(), &labels)?;
        let reading = self.meter.read_if_due()?;
        if reading.is_none_or(|reading| reading.loss.is_finite()) {
            let mut gradients = self.network.backward(pass, &loss)?;
            let clip_norm = self.progress.settings.clip_norm;
            if clip_norm > 0.0 {
                gradients.clip_norm(clip_norm)?;
            }
            self.optimizer
                .step(self.network.trainable_parameters(), &gradients, learning_rate)?;
            if let Some(average) = &mut self.average {
                average.update(&self.network, self.optimizer.state().steps)?;
            }
        }
        Ok(reading)
    }

    /// Probabilities to learn, where class indices with smoothing do not say them.
    fn targets(&self, batch: &Batch, device: &Device) -> Result<Option<Tensor>> {
        if batch.mixed.is_none() && self.class_weights.is_none() {
            return Ok(None);
        }
        let classes = self.progress.classes.len();
        let mut targets = batch.targets(classes, self.progress.settings.label_smoothing as f32);
        if let Some(weights) = &self.class_weights {
            weigh_targets(&mut targets, weights);
        }
        let shape = (batch.labels.len(), classes);
        Ok(Some(Tensor::from_vec(targets, shape, device)?))
    }

    fn diverged<T>(&self, what: &str, learning_rate: f64) -> Result<T> {
        let steps = self.train_loader.batches_per_epoch();
        let (epoch, step) = (self.progress.history.len(), self.progress.position.step);
        let (state, position) = (self.run.file(STATE), &self.saved_position);
        Err(anyhow!(
            "{what} in epoch {}, step {} of {steps} (step {} of the run), at learning rate {learning_rate:?}; the last good \
             checkpoint is `{}`, {position}",
            epoch + 1,
            step + 1,
            epoch * steps + step + 1,
            state.display()
        ))
        .hint(|| "start again with a lower `--lr`, a longer `--warmup`, or `--clip-norm 5`".to_owned())
    }

    /// Evaluates and saves; `false` if the user stopped it before that was done.
    fn finish_epoch(&mut self) -> Result<bool> {
        let steps = self.train_loader.batches_per_epoch();
        let learning_rate = {
            let done = (self.progress.history.len() + 1) * steps;
            self.schedule().learning_rate(done.saturating_sub(1))
        };
        let weights = self.evaluated_weights(Metadata::default())?;
        let Some(evaluation) = evaluate(&weights, &self.test_loader, self.network.device())? else {
            return Ok(false);
        };
        if !evaluation.loss.is_finite() {
            let what = format!("the test loss became {}", evaluation.loss);
            self.progress.position.step -= 1;
            return self.diverged(&what, learning_rate);
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
        if self.progress.best() == Some(&row) {
            self.keep_as_best(evaluation)?;
        }
        self.save_state()?;
        self.save_files_of_epoch(false)?;
        Ok(true)
    }

    fn log(&self, row: &Epoch) {
        let settings = &self.progress.settings;
        let size = match settings.progressive {
            0 => String::new(),
            _ => format!(" at {}", size_of_epoch(settings, row.epoch - 1)),
        };
        log::info!(
            "epoch {:>3}/{}  train loss {:.4}  accuracy {:5.2} %  test loss {:.4}  accuracy {:5.2} %  {:.0} images/s{size}",
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
    fn evaluated_weights(&self, metadata: Metadata) -> Result<Weights> {
        Ok(match &self.average {
            Some(average) => average.to_weights(&self.network, metadata)?,
            None => self.network.to_weights(metadata)?,
        })
    }

    fn keep_as_best(&mut self, evaluation: Evaluation) -> Result<()> {
        let weights = self.evaluated_weights(self.progress.metadata(&self.data.name))?;
        self.best = Some(Best {
            file: weights.to_bytes()?,
            confusion: evaluation.confusion,
        });
        self.progress.mistakes = evaluation.mistakes;
        Ok(())
    }

    /// Saves all that resuming needs.
    fn save_state(&mut self) -> Result<()> {
        self.progress.steps = self.optimizer.state().steps;
        let weights = self.network.to_weights(Metadata::default())?;
        let average = self.average.as_ref();
        let average = average.map(|average| average.to_weights(&self.network, Metadata::default()));
        let average = average.transpose()?;
        let optimizer = self.optimizer.state();
        let bad = match (not_finite(&weights), average.as_ref().and_then(not_finite)) {
            (Some(name), _) => Some(format!("`{name}`")),
            (_, Some(name)) => Some(format!("the average of `{name}`")),
            _ => not_finite_state(optimizer)?.map(|name| format!("what the optimiser remembers of `{name}`")),
        };
        if let Some(bad) = bad {
            let step = self.progress.position.step.saturating_sub(1);
            let done = self.progress.history.len() * self.train_loader.batches_per_epoch() + step;
            let what = format!("{bad} is no longer finite");
            return self.diverged(&what, self.schedule().learning_rate(done));
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

    /// Writes the files that follow from the state after an epoch. It is saved before them, so that no file is newer
    /// than it, and a run that died before all were written writes them, `all` of them, when it is resumed.
    fn save_files_of_epoch(&self, all: bool) -> Result<()> {
        let Some(best) = &self.best else {
            return Ok(());
        };
        // Within an epoch, the network is ahead of the files, which are those of the epoch before.
        let last = match self.progress.position.step {
            0 => Some(self.evaluated_weights(self.progress.metadata(&self.data.name))?),
            _ => None,
        };
        if let Some(last) = last {
            self.run.write(LAST, &last.to_bytes()?)?;
        }
        report::files_of_epoch(self, best, all)
    }
}

/// Name of a tensor that holds a value that is no number, or infinite.
fn not_finite(weights: &Weights) -> Option<String> {
    let bad = |name: &str| !weights.values(name).iter().all(|value| value.is_finite());
    weights
        .architecture()
        .tensors()
        .into_iter()
        .map(|spec| spec.name)
        .find(|name| bad(name))
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

fn describe(bar: &ProgressBar, n: usize, position: &Position) {
    let (loss, accuracy) = (
        position.loss / position.seen as f64,
        100.0 * position.right as f64 / position.seen as f64,
    );
    let rate = position.seen as f64 / position.seconds;
    bar.set_message(format!(
        "loss {loss:.4}  accuracy {accuracy:.1} %  {rate:.0} images/s"
    ));
    bar.inc(n as u64);
}

#[cfg(test)]
#[path = "trainer_tests.rs"]
mod tests;
