//! How a run starts, and how one that was stopped goes on.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use candle_core::Device;
use mbn_cli::Hint;
use mbn_data::Splits;
use mbn_model::WeightAverage;
use mbn_spec::{Alpha, Architecture};
use mbn_weights::Weights;

use super::Trainer;
use crate::options::Options;
use crate::publish::Publish;
use crate::resume::{Position, Progress, State};
use crate::run_args::RunArgs;
use crate::run_dir::{AUGMENTED, RunDir, SETTINGS, STATE};
use crate::settings::Settings;
use crate::starting::{self, Start};
use crate::values::BLOCKS;
use crate::{dataset, device, report};

/// What a run keeps on disk at most, in sizes of its weights: the state (weights, average, best weights, two moments)
/// and the one that replaces it, last and best weights.
const WEIGHTS_ON_DISK: usize = 12;

impl Trainer {
    /// Refuses a new run for what shows before its data is there.
    pub fn check(options: &Options, device: &Device) -> Result<()> {
        let args = options.run_args()?;
        let init = init(&args)?;
        let init_alpha = init.as_ref().map(|weights| weights.architecture().alpha);
        let folder = args
            .data
            .clone()
            .unwrap_or_else(|| dataset::DEFAULT_FOLDER.into());
        let settings = options.resolve(args, folder, init_alpha)?;
        require_usable(options, &settings, init.as_ref(), device)?;
        RunDir::check(options.out.as_deref(), &settings)
    }

    /// A new run.
    pub fn start(options: &Options, device: &Device) -> Result<Self> {
        let args = options.run_args()?;
        let folder = dataset::locate(args.data.as_deref())?;
        let init = init(&args)?;
        let init_alpha = init.as_ref().map(|weights| weights.architecture().alpha);
        let (settings, data) = settings_and_data(options, args, folder, init_alpha)?;
        let publish = require_usable(options, &settings, init.as_ref(), device)?;
        let classes = data.class_names.clone();
        let (alpha, size, seed) = (settings.alpha, settings.size, settings.seed);
        let Start {
            weights,
            mut preprocess,
        } = match (&init, &settings.init) {
            (Some(init), Some(path)) => Start::from_file(init, path, &classes, size, seed)?,
            _ => Start::random(alpha, &classes, size, seed)?,
        };
        if let Some(resize) = settings.resize {
            preprocess.resize = resize.into();
        }
        dataset::require_readable(&data)
            .hint(|| "put images that can be read in their place, or remove them".to_owned())?;
        let run = RunDir::create(options.out.as_deref(), &settings)?;
        run.require_space(WEIGHTS_ON_DISK * weights.to_bytes()?.len())?;
        log::info!("Writing to `{}`", run.path().display());
        let progress = Progress {
            settings,
            publish,
            preprocess,
            data_set: data.name.clone(),
            classes,
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
        if trainer.progress.settings.ema > 0.0 {
            let average = WeightAverage::new(&trainer.network, trainer.progress.settings.ema)?;
            trainer.average = Some(average);
        }
        // From here on, whatever happens, the run can be resumed.
        trainer.save_state()?;
        trainer.run.write_settings(&trainer.progress.settings)?;
        report::augmented(&trainer.run, &trainer.train_loader, &trainer.progress)?;
        Ok(trainer)
    }

    /// A run that was interrupted.
    pub fn resume(run: RunDir, options: &Options, device: &Device) -> Result<Self> {
        let path = run.file(STATE);
        let State {
            mut progress,
            weights,
            average,
            best,
            optimizer,
        } = State::load(&path, device)?;
        device::set_products(device, progress.settings.precision)?;
        let has_other_settings = run.has_other_settings(&progress.settings)?;
        if let Some(publish) = Publish::asked_for(options)? {
            progress.publish = publish;
        }
        progress.publish.require_writable(progress.settings.alpha)?;
        let data = moved_data(options, &mut progress.settings)?;
        require_the_same(&data, &progress)?;
        dataset::require_readable(&data)
            .hint(|| "put back the images that the run was started with".to_owned())?;
        if progress.data_set.is_empty() {
            progress.data_set.clone_from(&data.name);
        }
        warn_of_other_sums(&progress, options, device);
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
        // With what the command line changed: a run that is killed before it saves again must not forget it.
        trainer.save_state()?;
        if has_other_settings {
            log::warn!(
                "`{}` differs from the settings that the run was started with, which hold, and is written anew; `--config` \
                 takes changed settings to another run",
                trainer.run.file(SETTINGS).display()
            );
        }
        trainer.run.write_settings(&trainer.progress.settings)?;
        trainer.save_missing_files()?;
        if !trainer.run.file(AUGMENTED).exists() {
            report::augmented(&trainer.run, &trainer.train_loader, &trainer.progress)?;
        }
        Ok(trainer)
    }
}

/// The weights of `--init`.
fn init(args: &RunArgs) -> Result<Option<Weights>> {
    let path = args.init.as_deref();
    path.map(|path| starting::load(path, args.init_classes.as_deref()))
        .transpose()
}

/// Refuses settings that do not go with the device, with the weights of `--init` or with each other, and a place where
/// nothing can be published; else that place.
fn require_usable(
    options: &Options,
    settings: &Settings,
    init: Option<&Weights>,
    device: &Device,
) -> Result<Publish> {
    device::set_products(device, settings.precision)?;
    if let (Some(init), Some(path)) = (init, &settings.init) {
        starting::require_alpha(init, path, settings.alpha)?;
    }
    // How many classes there are makes no difference to the statistics.
    let random = Architecture::new(settings.alpha, 1);
    require_statistics(settings, init.map_or(&random, Weights::architecture))?;
    let publish = Publish::asked_for(options)?.unwrap_or_default();
    publish.require_writable(settings.alpha)?;
    Ok(publish)
}

/// The settings of a new run and its data set. A batch is no larger than the training set: the learning rate's default
/// goes by it.
fn settings_and_data(
    options: &Options,
    args: RunArgs,
    folder: PathBuf,
    init_alpha: Option<Alpha>,
) -> Result<(Settings, Splits)> {
    let settings = options.resolve(args.clone(), folder.clone(), init_alpha)?;
    let data = dataset::open(&settings)?;
    let (batch, images) = (settings.batch_size, data.train.len());
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

/// Refuses steps in which batch norm of the last block would see one value a channel, which is its own mean: nothing
/// below it could learn.
fn require_statistics(settings: &Settings, architecture: &Architecture) -> Result<()> {
    let smallest = dataset::size_of_epoch(settings, 0);
    let option = match settings.train_size {
        _ if smallest < settings.largest_train_size() => "--progressive",
        Some(_) => "--train-size",
        None => "--size",
    };
    let layers = architecture.convs();
    let last = layers.iter().fold(smallest, |size, layer| {
        layer.out_size(size, &architecture.variant)
    });
    if settings.batch_size * last * last > 1 || settings.freeze.blocks() == BLOCKS {
        return Ok(());
    }
    Err(anyhow!(
        "a batch of one image of {smallest} x {smallest} pixels leaves one value a channel in the last block, of which \
         batch norm learns nothing"
    ))
    .hint(|| format!("raise `--batch-size` or `{option}`"))
}

/// The data of a run that goes on, which may lie elsewhere by now; the settings then say where.
fn moved_data(options: &Options, settings: &mut Settings) -> Result<Splits> {
    if let Some(folder) = &options.run.data {
        settings.data.clone_from(folder);
        settings.require_utf8()?;
        return dataset::open(settings);
    }
    dataset::open(settings).hint(|| {
        let relative = match settings.data.is_relative() {
            true => ", relative to the folder where the run was started",
            false => "",
        };
        let folder = settings.data.display();
        format!(
            "the data was in `{folder}`{relative}; where it is elsewhere now, `--data DIR` names the place"
        )
    })
}

/// Says where sums may round otherwise than in the run so far.
fn warn_of_other_sums(progress: &Progress, options: &Options, device: &Device) {
    let (kind, threads) = (device::kind(device), options.common.thread_count());
    match &progress.device {
        Some(started) if started != kind => log::warn!(
            "the run was started with `--device {started}` and goes on with `--device {kind}`, whose sums round otherwise"
        ),
        _ if threads != progress.threads && !device.is_cuda() => log::warn!(
            "the run was started with {} threads and goes on with {threads}; `--threads {}` repeats it bit by bit",
            progress.threads,
            progress.threads
        ),
        _ => {}
    }
}

/// Refuses other data than the run was started with: the order of the rest would be another.
fn require_the_same(data: &Splits, progress: &Progress) -> Result<()> {
    let folder = progress.settings.data.display();
    if data.class_names != progress.classes {
        bail!("the classes in `{folder}` are not those that the run was started with");
    }
    for (part, images, expected) in [
        ("training", data.train.len(), Some(progress.train_images)),
        ("test", data.test.len(), progress.test_images),
    ] {
        if let Some(expected) = expected
            && images != expected
        {
            bail!("`{folder}` has {images} {part} images, the run was started with {expected}");
        }
    }
    Ok(())
}
