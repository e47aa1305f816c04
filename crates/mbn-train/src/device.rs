//! `--device`: the device that a run computes on.

use anyhow::{Context, Result, anyhow};
use candle_core::Device;
use mbn_cli::{DeviceChoice, Hint, UsageError};

use crate::settings::StepPrecision;

/// Opens the device and logs which one it is; with `auto` also why. `before` is the number of processes of the run on this
/// machine that come before this one: each takes a CUDA device of its own.
pub(crate) fn open(choice: DeviceChoice, before: usize) -> Result<Device> {
    let own = choice.of_process(before, || mbn_ops::count_cuda().unwrap_or(0));
    // Another device in its place would be one that another process has, or the CPU, which all others would wait for.
    let opened = match own.open() {
        opened if own == choice => opened?,
        opened => opened.with_context(|| {
            format!(
                "process {} of this machine takes the device {own}, which `CUDA_VISIBLE_DEVICES` can leave out",
                before + 1
            )
        })?,
    };
    match (opened.index, &opened.unavailable) {
        (Some(index), _) => log::info!("Training on {} (CUDA device {index})", opened.name()),
        (None, Some(cause)) => log::info!("Training on the CPU: {cause}"),
        (None, None) => {}
    }
    Ok(opened.device)
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
