//! Checks before the first step of a new run.

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::Hint;
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
    require_statistics(settings, init.map_or(&random, Weights::architecture))?;
    let publish = Publish::asked_for(options.publish.as_deref(), options.no_publish)?.unwrap_or_default();
    publish.require_writable(settings.alpha)?;
    Ok(publish)
}

/// Refuses steps in which batch norm of the last block would see one value per channel. That value is its own mean, so no
/// layer before it could learn.
fn require_statistics(settings: &Settings, architecture: &Architecture) -> Result<()> {
    let smallest = settings.train_size_of(0);
    let layers = architecture.convs();
    let last = layers.iter().fold(smallest, |size, layer| {
        layer.out_size(size, &architecture.variant)
    });
    if settings.batch_size.get() * last * last > 1 || settings.freeze.blocks() == BLOCKS {
        return Ok(());
    }
    Err(anyhow!(
        "a batch of one image of {smallest} x {smallest} pixels leaves one value per channel in the last block, and batch \
         norm learns nothing from one value"
    ))
    .hint(|| format!("raise `--batch-size` or `{}`", settings.option_of_first_size()))
}
