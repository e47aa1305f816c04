//! The batches of a data set, and the weights of its classes.

use std::sync::Arc;

use anyhow::{Context, Result};
use candle_core::Device;
use mbn_data::{
    BadPictures, BatchPart, CachedSource, ImageSource, Loader, LoaderConfig, Splits, default_cache_budget,
};
use mbn_spec::Preprocess;
use mbn_spec::text::counted;

use crate::run::ImageSet;
use crate::settings::{BadImages, ClassWeights, Settings};

/// An epoch leaves out images that do not fill a batch. Above this share of the training images, it gives a warning.
const LEFT_OUT: f64 = 0.1;

/// How a process loads images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loading {
    /// Number of decoding threads.
    pub workers: usize,
    /// The part of each batch that the process takes.
    pub part: BatchPart,
    /// Number of processes that share this machine's memory.
    pub processes: usize,
}

/// Loaders of training and test batches, which keep decoded images in memory while there is room.
pub(crate) fn loaders(
    data: &Splits,
    settings: &Settings,
    preprocess: Preprocess,
    loading: Loading,
    device: &Device,
    left_out: &ImageSet,
) -> Result<(Loader, Loader)> {
    let Loading {
        workers,
        part,
        processes,
    } = loading;
    let batch = settings.batch_size.get();
    let bad_pictures = match settings.bad_images {
        BadImages::Fail => BadPictures::Fail,
        BadImages::Skip => BadPictures::Skip,
    };
    let train = LoaderConfig::training(preprocess, batch, settings.seed)
        .with_workers(workers)
        .with_part(part)
        .with_crops(device.is_cuda())
        .with_augment(settings.augment())
        .with_bad_pictures(left_out.train.clone(), bad_pictures);
    let test = LoaderConfig::evaluation(preprocess, batch)
        .with_workers(workers)
        .with_part(part)
        .with_bad_pictures(left_out.test.clone(), bad_pictures);
    let total = (data.train.len() + data.test.len()).max(1) as u64;
    // Asked once: the free memory changes with every query.
    let budget = default_cache_budget() / processes.max(1) as u64;
    let share = |part: usize| budget / total * part as u64;
    let cached = |source: &Arc<dyn ImageSource>| CachedSource::new(Arc::clone(source), share(source.len()));
    let train = Loader::new(Arc::new(cached(&data.train)), train).context("cannot load training images")?;
    // They take turns, but for the first batches of the next epoch.
    let test = train
        .beside(Arc::new(cached(&data.test)), test)
        .context("cannot load test images")?;
    warn_of_left_out(
        data.train.len() - left_out.train.len(),
        train.samples_per_epoch(),
        batch,
    );
    Ok((train, test))
}

fn warn_of_left_out(images: usize, per_epoch: usize, batch: usize) {
    let left_out = images - per_epoch;
    if left_out as f64 > LEFT_OUT * images as f64 {
        log::warn!(
            "batches of {batch} leave {left_out} of {} out of every epoch, different ones each time; \
             a `--batch-size` that divides {images} leaves out none",
            counted(images, "training image")
        );
    }
}

/// Weights of the classes in the loss, if they differ.
pub(crate) fn class_weights(data: &Splits, settings: &Settings, left_out: &ImageSet) -> Option<Vec<f32>> {
    match settings.class_weights {
        ClassWeights::None => None,
        ClassWeights::Balanced => Some(mbn_data::class_weights(&*data.train, &left_out.train)),
    }
}
