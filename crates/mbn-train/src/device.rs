//! `--device`: where the run computes.

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::{DeviceChoice, Hint, UsageError};

use crate::choices::Precision;

/// Opens the chosen device, and logs which one and why.
pub(crate) fn open(choice: DeviceChoice) -> Result<Device> {
    let opened = choice.open()?;
    match (opened.index, &opened.unavailable) {
        (Some(index), _) => log::info!("Training on {} (CUDA device {index})", opened.name()),
        (None, Some(cause)) => log::info!("Training on the CPU: {cause}"),
        (None, None) => {}
    }
    Ok(opened.device)
}

/// Name of the kind of `device`, as `--device` takes it.
pub(crate) fn kind(device: &Device) -> &'static str {
    if device.is_cuda() { "cuda" } else { "cpu" }
}

/// The contradiction that the command line alone shows.
pub(crate) fn check_options(choice: DeviceChoice, precision: Option<Precision>) -> Result<()> {
    if choice == DeviceChoice::Cpu && precision == Some(Precision::Tf32) {
        let message = "`--precision tf32` is a format of CUDA devices, and `--device cpu` was asked for";
        return Err(UsageError(message.into()).into());
    }
    Ok(())
}

/// Sets how products of float32 are computed; an error where the device has no such products.
pub(crate) fn set_products(device: &Device, precision: Precision) -> Result<()> {
    let tf32 = precision == Precision::Tf32;
    if tf32 && !device.is_cuda() {
        return Err(anyhow!("`--precision tf32` needs a CUDA device")).hint(|| {
            "the message above says why there is none; on the CPU use `--precision f32` or `--precision bf16`"
                .to_owned()
        });
    }
    mbn_ops::allow_tf32(tf32);
    Ok(())
}
