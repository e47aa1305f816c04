//! `--device`: the device that a run computes on.

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::{DeviceChoice, Hint, UsageError};
use mbn_ops::CudaUnavailable;

use crate::settings::StepPrecision;

/// Opens the device and logs which one it is; with `auto` also why. `before` is the number of processes of the run on this
/// machine that come before this one: each takes a CUDA device of its own.
pub(crate) fn open(choice: DeviceChoice, before: usize) -> Result<Device> {
    let opened = of_process(choice, before).open()?;
    match (opened.index, &opened.unavailable) {
        (Some(index), _) => log::info!("Training on {} (CUDA device {index})", opened.name()),
        (None, Some(cause)) => log::info!("Training on the CPU: {cause}"),
        (None, None) => {}
    }
    Ok(opened.device)
}

/// The device for a process with so many before it. If there are fewer devices, or the launcher shows each process its own,
/// processes start from the first again.
fn of_process(choice: DeviceChoice, before: usize) -> DeviceChoice {
    if before == 0 || !matches!(choice, DeviceChoice::Auto | DeviceChoice::Cuda(0)) {
        return choice;
    }
    match mbn_ops::open_cuda(before) {
        Ok(_) => DeviceChoice::Cuda(before),
        Err(CudaUnavailable::Index { count, .. }) if count > 0 => DeviceChoice::Cuda(before % count),
        Err(_) => choice,
    }
}

/// The kind of `device`, as in `--device`.
pub(crate) fn kind(device: &Device) -> &'static str {
    if device.is_cuda() { "cuda" } else { "cpu" }
}

/// Refuses a contradiction on the command line.
pub(crate) fn check_options(choice: DeviceChoice, precision: Option<StepPrecision>) -> Result<()> {
    if choice == DeviceChoice::Cpu && precision == Some(StepPrecision::Tf32) {
        let message = "`--precision tf32` needs a CUDA device, but `--device cpu` is given";
        return Err(UsageError(message.into()).into());
    }
    Ok(())
}

/// Sets how products of float32 are computed; an error if the device cannot do that.
pub(crate) fn set_products(device: &Device, precision: StepPrecision) -> Result<()> {
    let tf32 = precision == StepPrecision::Tf32;
    if tf32 && !device.is_cuda() {
        return Err(anyhow!("`--precision tf32` needs a CUDA device")).hint(|| {
            "the message above says why none is available; on the CPU use `--precision f32` or `--precision bf16`"
                .to_owned()
        });
    }
    mbn_ops::allow_tf32(tf32);
    Ok(())
}
