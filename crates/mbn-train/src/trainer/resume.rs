//! Resuming a run that was stopped.

use std::path::Path;
use std::rc::Rc;

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::{Hint, quote};
use mbn_data::Splits;
use mbn_model::WeightAverage;
use mbn_spec::text::counted;

use super::Trainer;
use super::checks::{
    require_distinct_files, require_no_image, require_outside_classes, require_statistics_again,
    space_of_resumed_run,
};
use super::moved_data::{hint_if_none, moved_data};
use super::same_images::{about_libheif, left_out_earlier, require_the_same};
use super::teacher::TeacherFile;
use crate::options::Options;
use crate::ranks::Ranks;
use crate::run::{
    AUGMENTED, BEST, Progress, Publish, RunDir, SETTINGS, STATE, State, TrainOn, write_augmented,
};
use crate::settings::Settings;
use crate::{data, device};

impl Trainer {
    /// Resumes a run where its saved state ends.
    pub fn resume(run: RunDir, options: &Options, device: &Device, ranks: &Rc<Ranks>) -> Result<Self> {
        let path = run.file(STATE);
        let mut state = State::load(&path, device)?;
        let progress = &mut state.progress;
        device::set_products(device, progress.settings.precision)?;
        let has_other_settings = run.has_other_settings(&progress.settings)?;
        if let Some(publish) = Publish::asked_for(options.publish.as_deref(), options.no_publish)? {
            progress.publish = publish;
        }
        progress.publish.require_writable(progress.settings.alpha)?;
        if let Some(bad_images) = options.run.bad_images {
            progress.settings.bad_images = bad_images;
        }
        move_teacher(options, &run, progress)?;
        // The weights that the run was started from are not read again, nor their classes.
        let settings = Settings {
            init: None,
            init_classes: None,
            ..progress.settings.clone()
        };
        require_distinct_files(options, run.path(), &progress.publish, &settings)?;
        let data = moved_data(options, &mut progress.settings, &progress.classes)?;
        require_outside_classes(&data, None, &progress.publish)?;
        if !progress.is_finished() {
            require_statistics_again(
                &run,
                &progress.settings,
                state.weights.architecture(),
                ranks.size(),
                progress.ranks,
            )?;
        }
        require_the_same(&data, progress).hint(|| {
            if let Some(hint) = about_libheif(data.left_out.has_heif(), options, run.path()) {
                return hint;
            }
            let weights = run.file(BEST);
            let how = match weights.is_file() {
                true => format!(" from its weights with `--init {}`", quote(&weights)),
                // No epoch is finished.
                false => String::new(),
            };
            format!("put back the images that the run was started with, or start a new run{how}")
        })?;
        let bad_images = progress.settings.bad_images;
        let unusable = progress.unusable();
        let checked = hint_if_none(data::check_images(&data, bad_images, &unusable), || {
            "put back the images that the run was started with, or go on without them with `--bad-images skip`".to_owned()
        })?;
        require_no_image(&data, &checked.prints, &progress.publish)?;
        progress.publish.require_replaceable()?;
        if progress.data_set.is_empty() {
            progress.data_set.clone_from(&data.name);
        }
        warn_of_other_sums(progress, device, ranks);
        run.require_space(space_of_resumed_run(state.weights.to_bytes()?.len(), &data))?;
        log::info!(
            "Resuming `{}` {}",
            run.path().display(),
            progress.describe_position()
        );
        if let Some(line) = left_out_earlier(&unusable) {
            log::info!("{line}");
        }
        // What the check has found is none of the images to train on; the warnings about it follow.
        progress.broken.train.extend(&checked.unusable.train);
        progress.broken.test.extend(&checked.unusable.test);
        if progress.is_finished() {
            let more = [("epochs", Some("N".to_owned()))];
            if let Some(TrainOn { command, .. }) = TrainOn::new(run.path(), None, &more) {
                log::info!(
                    "The run is finished; to train on from its best weights for N epochs: `{command}`"
                );
            }
        }
        let mut trainer = Self::restored(run, state, data, options, device, ranks)?;
        trainer.leave_out(&checked.unusable);
        // Includes what the command line changed: a run that is killed before it saves again must not forget it.
        trainer.save_state()?;
        if has_other_settings {
            log::warn!(
                "`{}` differs from the settings that the run was started with; the run keeps its settings and rewrites the file; \
                 to change settings, start another run with `--config`",
                trainer.run.file(SETTINGS).display()
            );
        }
        trainer.run.write_settings(&trainer.progress.settings)?;
        trainer.save_missing_files()?;
        if !trainer.run.file(AUGMENTED).exists() {
            write_augmented(&trainer.run, &trainer.progress, &trainer.train_loader)?;
        }
        Ok(trainer)
    }

    /// The run in `folder` that the main rank has started or resumed, given what [`Trainer::to_bytes`] gives there.
    pub fn join(
        folder: &Path,
        state: &[u8],
        options: &Options,
        device: &Device,
        ranks: &Rc<Ranks>,
    ) -> Result<Self> {
        let state = State::from_bytes(state, device)?;
        let settings = &state.progress.settings;
        device::set_products(device, settings.precision)?;
        let data = data::open_again(settings)?;
        require_the_same(&data, &state.progress).hint(|| {
            "every rank reads the data set in the folder that the main rank names, on a disk that all machines share or in a \
             copy"
                .to_owned()
        })?;
        let run = RunDir::of_another(folder.to_owned());
        Self::restored(run, state, data, options, device, ranks)
    }

    /// The run where its state was saved.
    fn restored(
        run: RunDir,
        state: State,
        data: Splits,
        options: &Options,
        device: &Device,
        ranks: &Rc<Ranks>,
    ) -> Result<Self> {
        let State {
            progress,
            weights,
            average,
            best,
            optimizer,
        } = state;
        let teacher = same_teacher(&progress, options.run.teacher.is_some())?;
        let mut trainer = Self::new(run, progress, data, &weights, options, device, ranks)?;
        trainer.lack_broken();
        trainer.set_teacher(teacher)?;
        trainer.optimizer.set_state(optimizer);
        let ema = trainer.progress.settings.ema.get();
        let average = average.map(|average| WeightAverage::from_weights(&average, &trainer.network, ema));
        trainer.average = average.transpose()?;
        trainer.best = best;
        Ok(trainer)
    }
}

/// Puts the place of the teacher that `--teacher` gives into the settings of a resumed run, if it is the run's teacher.
fn move_teacher(options: &Options, run: &RunDir, progress: &mut Progress) -> Result<()> {
    let Some(teacher) = &options.run.teacher else {
        return Ok(());
    };
    let settings = &mut progress.settings;
    if settings.teacher.is_none() {
        let error = anyhow!(
            "`--teacher` does not go with `--resume` here, because the run was started without a teacher"
        );
        return match TrainOn::new(run.path(), options.out.as_deref(), &options.run.given()) {
            Some(command) => Err(error).hint(|| command.advice("a teacher")),
            None => Err(error),
        };
    }
    settings.teacher = Some(teacher.clone());
    settings.require_utf8()?;
    // A run with epochs left loads it later; a finished one only checks that it is the same.
    match progress.is_finished() {
        true => recorded_teacher(progress, true).map(|_| ()),
        false => Ok(()),
    }
}

/// The teacher that the run was started with, if there are epochs left in which it teaches.
fn same_teacher(progress: &Progress, is_named: bool) -> Result<Option<TeacherFile>> {
    match progress.is_finished() {
        true => Ok(None),
        false => recorded_teacher(progress, is_named),
    }
}

/// The teacher in its place, which the command line may name. Refuses other weights than the run was started with.
fn recorded_teacher(progress: &Progress, is_named: bool) -> Result<Option<TeacherFile>> {
    let (Some(path), Some(known)) = (&progress.settings.teacher, &progress.teacher) else {
        return Ok(None);
    };
    let moved = || {
        let hint = match is_named {
            true => "`--teacher` names the weights that the run was started with, wherever they are now",
            false => "if its file has moved, give its place with `--teacher WEIGHTS`",
        };
        hint.to_owned()
    };
    let teacher = hint_if_none(TeacherFile::load(path), moved)?;
    let found = teacher.record().sha256;
    if found != known.sha256 {
        return Err(anyhow!(
            "the teacher `{}` holds other weights than the run was started with: SHA-256 {found}, expected {}",
            path.display(),
            known.sha256
        ))
        .hint(moved);
    }
    teacher.for_classes(&progress.classes).map(Some)
}

/// Warns if sums may round differently from now on.
fn warn_of_other_sums(progress: &Progress, device: &Device, ranks: &Ranks) {
    if ranks.size() != progress.ranks {
        let effect = match progress.settings.sync_batch_norm {
            true => "sums round differently",
            false => "batch norm sees parts of batches of another size",
        };
        log::warn!(
            "the run was started with {} and continues with {}: {effect}",
            counted(progress.ranks, "rank"),
            ranks.size()
        );
    }
    let kind = device::kind(device);
    if let Some(started) = progress.device.as_ref().filter(|started| *started != kind) {
        log::warn!(
            "the run was started with `--device {started}` and continues with `--device {kind}`, where sums round \
             differently"
        );
    }
}
