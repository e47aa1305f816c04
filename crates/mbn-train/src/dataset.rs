//! Which data set a run takes, and the batches made of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use candle_core::Device;
use mbn_cli::{Hint, interrupt, progress, quote};
use mbn_data::{
    CachedSource, DecodeError, ImageSource, Loader, LoaderConfig, LoaderError, Splits, default_cache_budget,
};
use mbn_spec::Preprocess;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::choices::ClassWeights;
use crate::run_dir::RunDir;
use crate::settings::Settings;

/// Images that an error lists before it counts the others.
const LISTED: usize = 1000;
/// Part of the training images that an epoch may leave out, for want of a full last batch, without a word.
const LEFT_OUT: f64 = 0.1;
/// Where STL-10 is looked for.
pub(crate) const DEFAULT_FOLDER: &str = "data/stl10_binary";

/// The folder to train on: the one given, else STL-10 where it is expected.
pub(crate) fn locate(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    let default = Path::new(DEFAULT_FOLDER);
    if default.is_dir() {
        return Ok(default.to_owned());
    }
    Err(anyhow!(
        "there is no `{DEFAULT_FOLDER}`, and no `--data DIR` is given"
    ))
    .hint(|| {
        "`--download` gets STL-10 (2.6 GB, of which 360 MB stay) into `data`; `--data DIR` takes a folder of yours"
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

/// Refuses a data set with images that cannot be read, naming them all, before one of them ends an epoch.
pub(crate) fn require_readable(data: &Splits) -> Result<()> {
    let parts = [&*data.train, &*data.test];
    let total = parts.iter().map(|part| part.len()).sum::<usize>();
    let bar = progress::bar(total as u64, "checking images {wide_bar} {pos}/{len}");
    let unreadable = |part: &dyn ImageSource| {
        let checked = (0..part.len()).into_par_iter().filter_map(|image| {
            // The run then ends before its first step.
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
    let line = |error: &DecodeError| format!("\n  `{}`: {}", error.path.display(), error.kind);
    let listed = found.iter().take(LISTED).map(line).collect::<String>();
    let more = match found.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    Err(anyhow!(
        "{} of {total} images in `{}` cannot be used:{listed}{more}",
        found.len(),
        data.name
    ))
}

/// What was made of images, or an error that says what to do about one that cannot be read after all: where its pixels
/// are broken, or it went away meanwhile.
pub(crate) fn usable<T>(made: Result<T, LoaderError>, run: &RunDir) -> Result<T> {
    match made {
        Err(error @ (LoaderError::Decode(_) | LoaderError::Resize { .. })) => Err(error).hint(|| {
            format!(
                "put an image that can be read in its place, and go on with `mbn-train --resume {}`",
                quote(run.path())
            )
        }),
        made => Ok(made?),
    }
}

/// Training and test batches; decoded images stay in memory while there is room.
pub(crate) fn loaders(
    data: &Splits,
    settings: &Settings,
    preprocess: Preprocess,
    workers: usize,
    device: &Device,
) -> Result<(Loader, Loader)> {
    let train = LoaderConfig::training(preprocess, settings.batch_size, settings.seed)
        .with_workers(workers)
        .with_crops(device.is_cuda())
        .with_augment(settings.augment());
    let test = LoaderConfig::evaluation(preprocess, settings.batch_size).with_workers(workers);
    let total = (data.train.len() + data.test.len()).max(1) as u64;
    // Asked for once: what is free changes with every query.
    let budget = default_cache_budget();
    let share = |part: usize| budget / total * part as u64;
    let cached = |source: &Arc<dyn ImageSource>| CachedSource::new(Arc::clone(source), share(source.len()));
    let train = Loader::new(Arc::new(cached(&data.train)), train).context("cannot load training images")?;
    let test = Loader::new(Arc::new(cached(&data.test)), test).context("cannot load test images")?;
    let (images, batch) = (data.train.len(), settings.batch_size);
    let left_out = images - train.samples_per_epoch();
    if left_out as f64 > LEFT_OUT * images as f64 {
        log::warn!(
            "batches of {batch} leave {left_out} of {images} training images out of every epoch, others each time; a \
             `--batch-size` that divides {images} leaves out none"
        );
    }
    Ok((train, test))
}

/// Weights of the classes in the loss, if they differ.
pub(crate) fn class_weights(data: &Splits, settings: &Settings) -> Option<Vec<f32>> {
    match settings.class_weights {
        ClassWeights::None => None,
        ClassWeights::Balanced => Some(mbn_data::class_weights(&*data.train)),
    }
}

/// Size of the images of an epoch, counted from 0: with `--progressive`, steps of 32 pixels, each for as many epochs,
/// up to that of training images in the last ones.
pub(crate) fn size_of_epoch(settings: &Settings, epoch: usize) -> usize {
    const STEP: usize = 32;
    let (start, size) = (settings.progressive, settings.largest_train_size());
    if start == 0 || start >= size || epoch + 1 >= settings.epochs {
        return size;
    }
    let sizes = (size - start).div_ceil(STEP) + 1;
    let phase = epoch * sizes / settings.epochs.max(1);
    (start + phase * STEP).min(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_args::RunArgs;

    #[test]
    fn sizes_grow_in_equal_parts_to_the_full_size() {
        let args = RunArgs {
            progressive: "128".parse().ok(),
            epochs: std::num::NonZeroUsize::new(8),
            ..RunArgs::default()
        };
        let mut settings = Settings::resolve(args, "d".into(), None).unwrap();
        let sizes = |settings: &Settings| {
            (0..settings.epochs)
                .map(|epoch| size_of_epoch(settings, epoch))
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(&settings), [128, 128, 160, 160, 192, 192, 224, 224]);
        settings.epochs = 2;
        assert_eq!(sizes(&settings), [128, 224]);
        settings.train_size = Some(160);
        assert_eq!(sizes(&settings), [128, 160]);
        settings.progressive = 0;
        assert_eq!(sizes(&settings), [160, 160]);
        settings.train_size = None;
        assert_eq!(sizes(&settings), [224, 224]);
    }
}
