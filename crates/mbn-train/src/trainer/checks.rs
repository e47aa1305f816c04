//! Checks before the first step of a new run.

use std::path::Path;

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::{Hint, Outputs};
use mbn_data::BatchPart;
use mbn_spec::text::counted;
use mbn_spec::{Architecture, Variant};
use mbn_weights::Weights;

use super::init;
use crate::device;
use crate::options::Options;
use crate::run::{Publish, RunDir};
use crate::settings::{BLOCKS, Settings};

/// The most that a run keeps on disk, in multiples of the size of its weights: the state (weights, average, best weights, two moments of the
/// optimiser), the next state while it is written, and the last and best weights.
pub(super) const WEIGHTS_ON_DISK: usize = 12;

/// Refuses settings that do not fit the device, the weights of `--init` or each other, and weights that could not be
/// published. Returns where they are published.
pub(super) fn require_usable(
    options: &Options,
    settings: &Settings,
    init: Option<&Weights>,
    device: &Device,
    ranks: usize,
) -> Result<Publish> {
    device::set_products(device, settings.precision)?;
    if let (Some(init), Some(path)) = (init, &settings.init) {
        init::require_alpha(init, path, settings.alpha)?;
    }
    // The number of classes does not affect batch norm.
    let random = Architecture {
        variant: settings.overrides().variant(Variant::default()),
        ..Architecture::new(settings.alpha, 1)
    };
    require_statistics(settings, init.map_or(&random, Weights::architecture), ranks)?;
    let publish = Publish::asked_for(options.publish.as_deref(), options.no_publish)?.unwrap_or_default();
    let folder = RunDir::choose(options.out.as_deref(), settings, options.suffix());
    require_distinct_files(options, &folder, &publish, settings)?;
    publish.require_writable(settings.alpha)?;
    Ok(publish)
}

/// Refuses to replace a file that is read, and to write one file twice. `folder` is that of the run: no file can be written in its
/// place, nor in that of one above it.
pub(super) fn require_distinct_files(
    options: &Options,
    folder: &Path,
    publish: &Publish,
    settings: &Settings,
) -> Result<()> {
    let published = match publish {
        Publish::To(path) => Some(("--publish", path.clone())),
        // Weights are replaced only by better ones.
        Publish::Improvement | Publish::Never => None,
    };
    let folders = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    let of_run = folders.map(Path::to_owned).chain(RunDir::files(folder));
    let option = match (&options.resume, &options.out) {
        (Some(_), _) => "--resume",
        (None, Some(_)) => "--out",
        // The program chose the folder.
        (None, None) => "",
    };
    let outputs = Outputs::new(published.into_iter().chain(of_run.map(|path| (option, path))))?;
    let inputs = [
        &settings.init,
        &settings.init_classes,
        &settings.teacher,
        &options.config,
        &options.mpi_lib,
    ];
    let mut inputs = inputs.into_iter().flatten();
    inputs.try_for_each(|path| outputs.require_not_read(path))
}

/// Refuses steps in which one of the ranks has no images, or in which batch norm of its last block would see one value per
/// channel. That value is its own mean, so no layer before it could learn.
pub(super) fn require_statistics(
    settings: &Settings,
    architecture: &Architecture,
    ranks: usize,
) -> Result<()> {
    let (batch, mixed) = (settings.batch_size.get(), settings.augment().mixing.is_on());
    let parts = (0..ranks).map(|index| BatchPart { index, count: ranks }.len_of(batch, mixed));
    let images = parts.min().unwrap_or(batch);
    if images == 0 {
        let each = if mixed { "two, which are mixed," } else { "one" };
        return Err(anyhow!(
            "a batch of {} has not {each} for each of {ranks} ranks",
            counted(batch, "image")
        ))
        .hint(|| "raise `--batch-size`, which is that of all ranks together, or start fewer".to_owned());
    }
    let smallest = settings.train_size_of(0);
    let layers = architecture.convs();
    let last = layers.iter().fold(smallest, |size, layer| {
        layer.out_size(size, &architecture.variant)
    });
    let images = if settings.sync_batch_norm { batch } else { images };
    if images * last * last > 1 || settings.freeze.blocks() == BLOCKS {
        return Ok(());
    }
    let of_rank = if ranks > 1 && !settings.sync_batch_norm {
        " for a rank"
    } else {
        ""
    };
    Err(anyhow!(
        "a batch of one image{of_rank} of {smallest} x {smallest} pixels leaves one value per channel in the last block, and batch \
         norm learns nothing from one value"
    ))
    .hint(|| format!("raise `--batch-size` or `{}`", settings.option_of_first_size()))
}
