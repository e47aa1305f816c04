//! Starting a new run.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use candle_core::Device;
use mbn_cli::Hint;
use mbn_data::Splits;
use mbn_model::WeightAverage;
use mbn_spec::Alpha;
use mbn_weights::Weights;

use super::Trainer;
use super::checks::{WEIGHTS_ON_DISK, require_usable};
use super::init::{self, Start};
use crate::options::Options;
use crate::run::{Position, Progress, RunDir, write_augmented};
use crate::settings::{DEFAULT_DATA, RunArgs, Settings};
use crate::{data, device};

impl Trainer {
    /// Makes every check of a new run that does not need its data.
    pub fn check(options: &Options, device: &Device) -> Result<()> {
        let args = options.run_args()?;
        let init = init(&args)?;
        let init_alpha = init.as_ref().map(|weights| weights.architecture().alpha);
        let folder = args.data.clone().unwrap_or_else(|| DEFAULT_DATA.into());
        let settings = options.resolve(args, folder, init_alpha)?;
        require_usable(options, &settings, init.as_ref(), device)?;
        RunDir::check(options.out.as_deref(), &settings)
    }

    /// Starts a new run.
    pub fn start(options: &Options, device: &Device) -> Result<Self> {
        let args = options.run_args()?;
        let folder = data::locate(args.data.as_deref())?;
        let init = init(&args)?;
        let init_alpha = init.as_ref().map(|weights| weights.architecture().alpha);
        let (settings, data) = settings_and_data(options, args, folder, init_alpha)?;
        let publish = require_usable(options, &settings, init.as_ref(), device)?;
        let Start {
            weights,
            mut preprocess,
        } = initial_weights(init.as_ref(), &settings, &data.class_names)?;
        if let Some(resize) = settings.resize {
            preprocess.resize = resize.into();
        }
        data::require_readable(&data)
            .hint(|| "replace them with images that can be read, or remove them".to_owned())?;
        let run = RunDir::create(options.out.as_deref(), &settings)?;
        run.require_space(WEIGHTS_ON_DISK * weights.to_bytes()?.len())?;
        log::info!("Writing to `{}`", run.path().display());
        let progress = Progress {
            settings,
            publish,
            preprocess,
            data_set: data.name.clone(),
            classes: data.class_names.clone(),
            train_images: data.train.len(),
            test_images: Some(data.test.len()),
            threads: options.common.thread_count(),
            device: Some(device::kind(device).to_owned()),
            steps: 0,
            history: Vec::new(),
            position: Position::default(),
            mistakes: Vec::new(),
        };
        let mut trainer = Self::new(run, progress, data, &weights, options, device)?;
        let ema = trainer.progress.settings.ema.get();
        if ema > 0.0 {
            trainer.average = Some(WeightAverage::new(&trainer.network, ema)?);
        }
        // From here on the run can be resumed, whatever happens.
        trainer.save_state()?;
        trainer.run.write_settings(&trainer.progress.settings)?;
        write_augmented(&trainer.run, &trainer.progress, &trainer.train_loader)?;
        Ok(trainer)
    }
}

/// The weights of `--init`.
fn init(args: &RunArgs) -> Result<Option<Weights>> {
    let path = args.init.as_deref();
    path.map(|path| init::load(path, args.init_classes.as_deref()))
        .transpose()
}

/// The weights of `--init` or random ones, for the classes of the data set.
fn initial_weights(init: Option<&Weights>, settings: &Settings, classes: &[String]) -> Result<Start> {
    let (size, seed) = (settings.size.get(), settings.seed);
    match (init, &settings.init) {
        (Some(init), Some(path)) => Start::from_file(init, path, classes, size, seed),
        _ => Start::random(settings.alpha, classes, size, seed),
    }
}

/// The settings of a new run and its data set. A batch is no larger than the training set, and the default learning rate
/// follows it.
fn settings_and_data(
    options: &Options,
    args: RunArgs,
    folder: PathBuf,
    init_alpha: Option<Alpha>,
) -> Result<(Settings, Splits)> {
    let settings = options.resolve(args.clone(), folder.clone(), init_alpha)?;
    let data = data::open(&settings)?;
    let (batch, images) = (settings.batch_size.get(), data.train.len());
    let Some(all) = NonZeroUsize::new(images).filter(|_| images < batch) else {
        return Ok((settings, data));
    };
    log::warn!(
        "`{}` has {images} training images, fewer than a batch of {batch}: the batch size is {images}",
        folder.display()
    );
    let args = RunArgs {
        batch_size: Some(all),
        ..args
    };
    Ok((options.resolve(args, folder, init_alpha)?, data))
}
