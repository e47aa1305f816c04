//! Finding and opening the data set, and refusing one that cannot be trained on.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, ensure};
use mbn_cli::{Hint, interrupt, progress, quote};
use mbn_data::{DecodeError, ImageSource, LoaderError, Splits};
use mbn_spec::text::{counted, listed_lines};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::settings::{DEFAULT_DATA, Settings};

/// Images that an error lists before it counts the others.
const LISTED: usize = 1000;

/// The folder to train on: the given one, else STL-10 in its default place.
pub(crate) fn locate(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    let default = Path::new(DEFAULT_DATA);
    if default.is_dir() {
        return Ok(default.to_owned());
    }
    Err(anyhow!("there is no `{DEFAULT_DATA}`, and no `--data DIR` is given")).hint(|| {
        "`--download` downloads STL-10 into `data` (2.6 GB; 360 MB stay on disk); `--data DIR` trains on your own images"
            .to_owned()
    })
}

/// Opens the data set of a run.
pub(crate) fn open(settings: &Settings) -> Result<Splits> {
    let splits = mbn_data::open_fold(&settings.data, settings.fold)?;
    let (names, train) = (&splits.class_names, &splits.train);
    ensure!(
        names.len() > 1,
        "`{}` has one class, `{}`; training needs at least two",
        settings.data.display(),
        names.first().map_or("", String::as_str)
    );
    ensure!(
        train.len() > 1,
        "`{}` has one training image; batch norm needs at least two",
        settings.data.display()
    );
    Ok(splits)
}

/// Refuses a data set with unreadable images, before one of them ends an epoch. The error lists all of them.
pub(crate) fn require_readable(data: &Splits) -> Result<()> {
    let parts = [&*data.train, &*data.test];
    let total = parts.iter().map(|part| part.len()).sum::<usize>();
    let bar = progress::bar(total as u64, "checking images {wide_bar} {pos}/{len}");
    let unreadable = |part: &dyn ImageSource| {
        let checked = (0..part.len()).into_par_iter().filter_map(|image| {
            // An interrupted run ends before its first step, whatever is found here.
            if interrupt::requested() {
                return None;
            }
            bar.inc(1);
            part.check(image).err()
        });
        checked.collect::<Vec<DecodeError>>()
    };
    let found: Vec<_> = parts.into_iter().flat_map(unreadable).collect();
    bar.finish_and_clear();
    if found.is_empty() {
        return Ok(());
    }
    let lines = found
        .iter()
        .map(|error| format!("`{}`: {}", error.path.display(), error.kind));
    Err(anyhow!(
        "{} of {} in `{}` cannot be used:{}",
        found.len(),
        counted(total, "image"),
        data.name,
        listed_lines(lines, LISTED)
    ))
}

/// Unwraps what was made from images. If an image could not be read after all (its pixels are broken, or it is gone), the
/// error says how to continue the run in `folder`.
pub(crate) fn usable<T>(made: Result<T, LoaderError>, folder: &Path) -> Result<T> {
    match made {
        Err(error @ (LoaderError::Decode(_) | LoaderError::Resize { .. })) => Err(error).hint(|| {
            format!(
                "put an image that can be read in its place, and continue with `mbn-train --resume {}`",
                quote(folder)
            )
        }),
        made => Ok(made?),
    }
}
