//! `--device`: the device that a run computes on.

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::{DeviceChoice, Hint, UsageError};

use crate::settings::StepPrecision;

/// Opens the device and logs which one it is; with `auto` also why.
pub(crate) fn open(choice: DeviceChoice) -> Result<Device> {
    let cuda = |index| mbn_ops::open_cuda(index);
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto => match cuda(0) {
            Ok(device) => {
                log::info!("Training on {} (CUDA device 0)", mbn_ops::device_name(&device));
                Ok(device)
            }
            Err(cause) => {
                log::info!("Training on the CPU: {cause}");
                Ok(Device::Cpu)
            }
        },
        DeviceChoice::Cuda(index) => match cuda(index) {
            Ok(device) => {
                log::info!(
                    "Training on {} (CUDA device {index})",
                    mbn_ops::device_name(&device)
                );
                Ok(device)
            }
            Err(cause) => {
                let hint = cause.hint();
                Err(anyhow!("`--device {choice}`: {cause}")).hint(|| hint.to_owned())
            }
        },
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
