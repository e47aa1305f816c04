//! `--device`: the device that a run computes on.

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::{DeviceChoice, Hint, UsageError};

use crate::settings::StepPrecision;

/// Opens the device and logs which one it is; with `auto` also why. `before` is the number of processes of the run on this
/// machine that come before this one: each takes a CUDA device of its own.
pub(crate) fn open(choice: DeviceChoice, before: usize) -> Result<Device> {
    let own = of_process(choice, before, || mbn_ops::count_cuda().unwrap_or(0));
    let opened = match own.open() {
        // This takes what there is, as for one process.
        Err(_) if choice == DeviceChoice::Auto => choice.open()?,
        opened => opened?,
    };
    match (opened.index, &opened.unavailable) {
        (Some(index), _) => log::info!("Training on {} (CUDA device {index})", opened.name()),
        (None, Some(cause)) => log::info!("Training on the CPU: {cause}"),
        (None, None) => {}
    }
    Ok(opened.device)
}

/// The device for a process with so many before it, where there are `count` CUDA devices. If these are fewer, or the launcher shows
/// each process its own, processes start from the first again.
fn of_process(choice: DeviceChoice, before: usize, count: impl FnOnce() -> usize) -> DeviceChoice {
    if before == 0 || !matches!(choice, DeviceChoice::Auto | DeviceChoice::Cuda(0)) {
        return choice;
    }
    match count() {
        0 => choice,
        count => DeviceChoice::Cuda(before % count),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_of_a_machine_has_its_device() {
        use DeviceChoice::{Auto, Cpu, Cuda};

        for (choice, before, count, expected) in [
            (Auto, 0, 4, Auto),
            (Auto, 3, 4, Cuda(3)),
            (Cuda(0), 1, 4, Cuda(1)),
            // More processes than devices, and one device that each process sees.
            (Cuda(0), 5, 4, Cuda(1)),
            (Auto, 3, 1, Cuda(0)),
            // No device: opening says why.
            (Auto, 1, 0, Auto),
            (Cuda(0), 1, 0, Cuda(0)),
            // The user's own choice.
            (Cpu, 2, 4, Cpu),
            (Cuda(2), 1, 4, Cuda(2)),
        ] {
            let found = of_process(choice, before, || count);
            assert_eq!(found, expected, "{choice}, {before} before, {count} devices");
        }
    }
}
