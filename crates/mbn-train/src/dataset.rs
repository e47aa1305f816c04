//! Which data set a run takes, and the batches made of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use candle_core::Device;
use mbn_cli::Hint;
use mbn_data::{CachedSource, Loader, LoaderConfig, Source, Splits, default_cache_budget};
use mbn_spec::Preprocess;

use crate::choices::ClassWeights;
use crate::settings::Settings;

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
    let cached = |source: &Arc<dyn Source>| CachedSource::new(Arc::clone(source), share(source.len()));
    let train = Loader::new(Arc::new(cached(&data.train)), train).context("cannot load training images")?;
    let test = Loader::new(Arc::new(cached(&data.test)), test).context("cannot load test images")?;
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
/// up to the full size in the last ones.
pub(crate) fn size_of_epoch(settings: &Settings, epoch: usize) -> usize {
    const STEP: usize = 32;
    let (start, size) = (settings.progressive, settings.size);
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
        settings.progressive = 0;
        assert_eq!(sizes(&settings), [224, 224]);
    }
}
