//! The files of a run that follow from its state.

use anyhow::Result;
use mbn_data::{Loader, Splits};
use mbn_spec::Architecture;

use super::folder::{
    AUGMENTED, BEST, CONFUSION, CONFUSION_TABLE, CURVES, HISTORY, MISTAKES, MISTAKES_TABLE, RunDir, SUMMARY,
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
    /// Writes the files of the last epoch. Also writes the files of the best epoch if it is the last one, or with `all`.
    pub fn write(&self, all: bool) -> Result<()> {
        let Self {
            run,
            progress,
            best,
            data,
            architecture,
        } = self;
        if all || progress.best() == progress.history.last() {
            run.write(BEST, &best.file)?;
            let (confusion, classes) = (&best.confusion, &progress.classes);
            run.write(CONFUSION, &pictures::confusion(confusion, classes)?)?;
            run.write(CONFUSION_TABLE, &tables::confusion(confusion, classes)?)?;
            if let Some(mistakes) = &best.mistakes {
                run.write(MISTAKES_TABLE, &tables::mistakes(mistakes, progress, data)?)?;
            }
            run.write(MISTAKES, &pictures::mistakes(progress, &*data.test, run.path())?)?;
        }
        run.write(HISTORY, &history::to_csv(&progress.history)?)?;
        run.write(CURVES, &pictures::curves(progress)?)?;
        run.write(SUMMARY, summary::summary(progress, data, architecture).as_bytes())
    }
}

/// Writes a picture of the first batch of `loader`.
pub(crate) fn write_augmented(run: &RunDir, progress: &Progress, loader: &Loader) -> Result<()> {
    run.write(AUGMENTED, &pictures::augmented(progress, loader, run.path())?)
}

/// Lists the images that were held out to test on, if a part was.
pub(crate) fn write_test_images(run: &RunDir, progress: &Progress, data: &Splits) -> Result<()> {
    match data.held_out {
        Some(_) => run.write(TEST_IMAGES, &tables::test_images(progress, data)),
        None => Ok(()),
    }
}
