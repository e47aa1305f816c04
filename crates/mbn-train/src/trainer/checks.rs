//! Checks before the first step of a new run.

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::Hint;
use mbn_data::BatchPart;
use mbn_spec::text::counted;
use mbn_spec::{Architecture, Variant};
use mbn_weights::Weights;

use super::init;
use crate::device;
use crate::options::Options;
use crate::run::Publish;
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
    publish.require_writable(settings.alpha)?;
    Ok(publish)
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
