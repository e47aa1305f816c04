//! The files of a run that follow from its state.

use anyhow::Result;
use mbn_data::{Loader, Splits};
use mbn_spec::Architecture;

use super::folder::RunDir;
use super::names::{
    AUGMENTED, BEST, CONFUSION, CONFUSION_TABLE, CURVES, HISTORY, MISTAKES, MISTAKES_TABLE, SUMMARY,
    TEST_IMAGES,
};
use super::{Best, Progress, history, pictures, summary, tables};

/// What the files of an epoch are made from.
pub(crate) struct Results<'a> {
    pub run: &'a RunDir,
    pub progress: &'a Progress,
    pub best: &'a Best,
    pub data: &'a Splits,
    pub architecture: &'a Architecture,
}

impl Results<'_> {
    /// Writes the files of the last epoch. Also writes the files of the best epoch if it is the last one, or with `all`. What other
    /// programs read comes before the pictures.
    pub fn write(&self, all: bool) -> Result<()> {
        let Self {
            run,
            progress,
            best,
            data,
            architecture,
        } = self;
        let has_new_best = all || progress.best() == progress.history.last();
        let (confusion, classes) = (&best.confusion, &progress.classes);
        if has_new_best {
            run.write(BEST, &best.file)?;
        }
        run.write(HISTORY, &history::to_csv(&progress.history)?)?;
        run.write(SUMMARY, summary::summary(progress, data, architecture).as_bytes())?;
        if has_new_best {
            run.write(CONFUSION_TABLE, &tables::confusion(confusion, classes)?)?;
            if let Some(mistakes) = &best.mistakes {
                run.write(MISTAKES_TABLE, &tables::mistakes(mistakes, progress, data)?)?;
            }
        }
        run.write(CURVES, &pictures::curves(progress)?)?;
        if has_new_best {
            run.write(CONFUSION, &pictures::confusion(confusion, classes)?)?;
            run.write(MISTAKES, &pictures::mistakes(progress, best, &*data.test)?)?;
        }
        Ok(())
    }
}

/// Writes a picture of the first batch of `loader`, if its images can be read. If they cannot, the steps of the run say so, unless the
/// run no longer needs them.
pub(crate) fn write_augmented(run: &RunDir, progress: &Progress, loader: &Loader) -> Result<()> {
    match loader.preview(0, progress.settings.train_size_of(0)) {
        Ok(examples) => run.write(AUGMENTED, &pictures::augmented(progress, examples)?),
        Err(error) if error.is_of_pictures() => {
            log::warn!(
                "`{}` is not drawn: {:#}",
                run.file(AUGMENTED).display(),
                anyhow::Error::from(error)
            );
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Lists the images that were held out to test on, if a part was.
pub(crate) fn write_test_images(run: &RunDir, progress: &Progress, data: &Splits) -> Result<()> {
    match data.held_out {
        Some(_) => run.write(TEST_IMAGES, &tables::test_images(progress, data)),
        None => Ok(()),
    }
}
