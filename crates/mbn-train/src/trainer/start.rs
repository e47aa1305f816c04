//! Starting a new run.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;
use candle_core::Device;
use mbn_cli::{Hint, interrupt};
use mbn_data::Splits;
use mbn_model::WeightAverage;
use mbn_spec::Alpha;
use mbn_spec::text::counted;
use mbn_weights::Weights;

use super::Trainer;
use super::advice::advise_to_start_from_weights;
use super::batch::{fitted, tell_of_smaller_batch};
use super::checks::{
    require_distinct_files, require_no_image, require_outside_classes, require_statistics, require_usable,
    space_of_new_run,
};
use super::division::Division;
use super::init::{self, Init, Start};
use super::moved_data::hint_if_none;
use super::teacher::TeacherFile;
use crate::data::{self, Checked};
use crate::device;
use crate::options::Options;
use crate::ranks::Ranks;
use crate::run::{ImageSet, Position, Progress, RunDir, write_augmented, write_test_images};
use crate::settings::{DEFAULT_DATA, Freeze, Part, Recipe, RunArgs, Settings, Size};

impl Trainer {
    /// Makes every check of a new run that does not need its data.
    pub fn check(options: &Options, device: &Device, ranks: &Ranks) -> Result<()> {
        let mut args = options.run_args()?;
        let init = init(options, &mut args)?;
        teacher(&mut args)?;
        let init_alpha = init.as_ref().map(|init| init.weights.architecture().alpha);
        let folder = args.data.clone().unwrap_or_else(|| DEFAULT_DATA.into());
        let settings = options.resolve(args, folder, init_alpha)?;
        let publish = require_usable(
            options,
            &settings,
            weights_of(init.as_ref()),
            device,
            ranks.size(),
        )?;
        publish.require_replaceable()?;
        let folder = RunDir::choose(options.out.as_deref(), &settings, options.suffix());
        RunDir::check(&folder, &settings)
    }

    /// Starts a new run; `None` if the user stopped it before there was anything to save.
    pub fn start(options: &Options, device: &Device, ranks: &Rc<Ranks>) -> Result<Option<Self>> {
        let Some(mut trainer) = Self::prepare(options, device, ranks)? else {
            return Ok(None);
        };
        // From here on the run can be resumed, whatever happens.
        trainer.save_state()?;
        trainer.run.write_settings(&trainer.progress.settings)?;
        write_test_images(&trainer.run, &trainer.progress, &trainer.data)?;
        write_augmented(&trainer.run, &trainer.progress, &trainer.train_loader)?;
        Ok(Some(trainer))
    }

    /// A new run in memory, with its folder; `None` if the user stopped it before.
    pub(super) fn prepare(options: &Options, device: &Device, ranks: &Rc<Ranks>) -> Result<Option<Self>> {
        let mut args = options.run_args()?;
        let folder = data::locate(args.data.as_deref())?;
        let init = init(options, &mut args)?;
        let teacher = teacher(&mut args)?;
        let init_alpha = init.as_ref().map(|init| init.weights.architecture().alpha);
        let has_recipe = args.recipe.is_some();
        let (args, data) = args_and_data(options, args, &folder, init.as_ref(), init_alpha)?;
        let asked = options
            .resolve(args.clone(), folder.clone(), init_alpha)?
            .batch_size
            .get();
        let settings = fitted(options, args.clone(), &folder, init_alpha, data.train.len())?;
        data.left_out.log();
        let publish = require_usable(
            options,
            &settings,
            weights_of(init.as_ref()),
            device,
            ranks.size(),
        )?;
        let folder_of_run = RunDir::choose(options.out.as_deref(), &settings, options.suffix());
        require_outside_classes(&data, Some(&folder_of_run), &publish)?;
        let teacher = teacher.map(|teacher| teacher.for_classes(&data.class_names));
        let teacher = teacher.transpose()?;
        let test_fingerprint = data.test_fingerprint();
        let division = Division::of(&settings, &data, &test_fingerprint);
        division.warn_of_seen("--init", settings.init.as_deref(), weights_of(init.as_ref()));
        let weights = teacher.as_ref().map(|teacher| &teacher.weights);
        division.warn_of_seen("--teacher", settings.teacher.as_deref(), weights);
        let Start { weights, preprocess } = initial_weights(init.as_ref(), &settings, &data.class_names)?;
        let Checked {
            unusable: left_out,
            prints,
        } = hint_if_none(
            data::check_images(&data, settings.bad_images, &ImageSet::default()),
            || {
                "replace them with images that can be read, remove them, or leave them out with `--bad-images skip`".to_owned()
            },
        )?;
        // What was left out must not depend on when the user stopped the check.
        if interrupt::requested() {
            return Ok(None);
        }
        data::require_enough(&data, settings.fold, &left_out)?;
        require_no_image(&data, &prints, &publish)?;
        publish.require_replaceable()?;
        prints.warn_of_copies(&data);
        let usable = data.train.len() - left_out.train.len();
        let settings = fitted(options, args, &folder, init_alpha, usable)?;
        require_statistics(&settings, weights.architecture(), ranks.size())?;
        tell_of_smaller_batch(asked, usable, &settings);
        if init.is_some() && !has_recipe {
            log::info!("{}", fine_tuning(&settings, usable, &data));
        }
        data::list_classes(&data, &left_out, settings.class_weights);
        advise_to_start_from_weights(usable, init.is_some());
        // Another process may have taken the name of the first check.
        let run = RunDir::create(options.out.as_deref(), &settings, options.suffix(), |folder| {
            require_distinct_files(options, folder, &publish, &settings)
        })?;
        run.require_space(space_of_new_run(weights.to_bytes()?.len(), &data))?;
        log::info!("Writing to `{}`", run.path().display());
        let progress = Progress {
            init_sha256: weights_of(init.as_ref()).map(Weights::sha256),
            teacher: teacher.as_ref().map(TeacherFile::record),
            settings,
            publish,
            preprocess,
            data_set: data.name.clone(),
            classes: data.class_names.clone(),
            train_images: data.train.len(),
            test_images: Some(data.test.len()),
            fingerprint: Some(data.fingerprint.clone()),
            test_fingerprint: Some(test_fingerprint),
            left_out,
            broken: ImageSet::default(),
            short_steps: 0,
            ranks: ranks.size(),
            device: Some(device::kind(device).to_owned()),
            steps: 0,
            history: Vec::new(),
            position: Position::default(),
            mistakes: Vec::new(),
        };
        let mut trainer = Self::new(run, progress, data, &weights, options, device, ranks)?;
        trainer.set_teacher(teacher)?;
        let ema = trainer.progress.settings.ema.get();
        if ema > 0.0 {
            trainer.average = Some(WeightAverage::new(&trainer.network, ema)?);
        }
        Ok(Some(trainer))
    }
}

/// The weights of `--init`, with what the settings say about them. The size of their images becomes the run's, unless the user
/// gives one. A name on the Hub gets the commit that they were fetched at, so that the settings say which they are.
fn init(options: &Options, args: &mut RunArgs) -> Result<Option<Init>> {
    let Some(path) = &args.init else {
        return Ok(None);
    };
    let data = args.data.clone().unwrap_or_else(|| DEFAULT_DATA.into());
    let mut overrides = options.resolve(args.clone(), data, None)?.overrides();
    overrides.images.size = args.size.map(Size::get);
    let init = init::load(path, args.init_classes.as_deref(), &overrides)?;
    if let (None, Some(preprocess)) = (args.size, init.weights.metadata().preprocess) {
        args.size = i64::try_from(preprocess.size)
            .ok()
            .and_then(|size| size.try_into().ok());
    }
    if let Some(name) = &init.hub {
        args.init = Some(name.to_string().into());
    }
    Ok(Some(init))
}

/// The weights of `--teacher`. A name on the Hub gets the commit that they were fetched at, as that of `--init` does.
fn teacher(args: &mut RunArgs) -> Result<Option<TeacherFile>> {
    let teacher = args.teacher.as_deref().map(TeacherFile::load).transpose()?;
    if let Some(name) = teacher.as_ref().and_then(TeacherFile::hub) {
        args.teacher = Some(name.to_string().into());
    }
    Ok(teacher)
}

fn weights_of(init: Option<&Init>) -> Option<&Weights> {
    init.map(|init| &init.weights)
}

/// The weights of `--init` or random ones, for the classes of the data set.
fn initial_weights(init: Option<&Init>, settings: &Settings, classes: &[String]) -> Result<Start> {
    let (size, seed) = (settings.size.get(), settings.seed);
    match (init, &settings.init) {
        (Some(init), Some(path)) => Start::from_file(init, path, classes, size, seed),
        _ => Start::random(settings.alpha, classes, &settings.overrides(), seed),
    }
}

/// The data set of a new run, and its settings with the part of the images that was held out.
fn args_and_data(
    options: &Options,
    args: RunArgs,
    folder: &Path,
    init: Option<&Init>,
    init_alpha: Option<Alpha>,
) -> Result<(RunArgs, Splits)> {
    let settings = options.resolve(args.clone(), folder.to_owned(), init_alpha)?;
    let opened = data::open_new(&settings);
    let is_own_folder = |out: &PathBuf| data::is_without_images(&opened, out);
    let data = match &options.out {
        Some(out) if is_own_folder(out) => {
            opened.hint(|| "it is the folder of `--out`: remove it, and the run makes it again".to_owned())?
        }
        _ => opened?,
    };
    let held_out = data.held_out.map(|_| Part::FIFTH);
    let mut args = RunArgs {
        val_fraction: args.val_fraction.or(held_out),
        ..args
    };
    if let Some(init) = init
        && args.recipe.is_none()
    {
        args.recipe = Some(recipe_from(init, args.freeze, &data));
    }
    Ok((args, data))
}

/// The recipe for weights that are trained already, if the user asks for none. `freeze` is what the user asks for.
fn recipe_from(init: &Init, freeze: Option<Freeze>, data: &Splits) -> Recipe {
    match freeze {
        Some(Freeze::ALL) => Recipe::Classifier,
        Some(_) => Recipe::FineTune,
        None if init.is_for(&data.class_names) => Recipe::FineTune,
        None => Recipe::for_new_classes(data.train.len(), data.class_names.len()),
    }
}

/// How weights that are trained already are trained on with so many images, in a line.
fn fine_tuning(settings: &Settings, images: usize, data: &Splits) -> String {
    let what = match settings.freeze {
        Freeze::NONE => "the whole network".to_owned(),
        Freeze::ALL => "only the classifier".to_owned(),
        some => format!("all but {some}"),
    };
    format!(
        "Recipe {} (`--recipe` takes another), for {} of {}: {what} trains for {} at a rate of {}",
        settings.recipe.name(),
        counted(images, "image"),
        counted(data.class_names.len(), "class"),
        counted(settings.epochs.get(), "epoch"),
        settings.lr.get(),
    )
}
