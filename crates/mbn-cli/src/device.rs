//! `--device`: the user's choice, and opening it.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result};
use candle_core::Device;
use mbn_ops::CudaUnavailable;

use crate::hint::Hint;

/// Where the user wants the network to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device if there is one, else the CPU; the program says which and why.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this index; an error if it is not available.
    Cuda(usize),
}

/// Not a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a device; use `auto`, `cpu`, `cuda` or `cuda:N`")]
pub struct ParseDeviceError(String);

impl FromStr for DeviceChoice {
    type Err = ParseDeviceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let cuda_index = || text.strip_prefix("cuda:")?.parse().ok();
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => cuda_index()
                .map(Self::Cuda)
                .ok_or_else(|| ParseDeviceError(text.to_owned())),
        }
    }
}

/// The device that was opened for the user's choice.
#[derive(Clone, Debug)]
pub struct OpenedDevice {
    /// The device.
    pub device: Device,
    /// The CUDA device's index, if it is one.
    pub index: Option<usize>,
    /// Why [`DeviceChoice::Auto`] opened the CPU, if it did.
    pub unavailable: Option<CudaUnavailable>,
}

impl OpenedDevice {
    fn cpu(unavailable: Option<CudaUnavailable>) -> Self {
        Self {
            device: Device::Cpu,
            index: None,
            unavailable,
        }
    }

    /// The driver's name for the device; `CPU` for the CPU.
    pub fn name(&self) -> String {
        mbn_ops::device_name(&self.device)
    }
}

impl DeviceChoice {
    /// The device for a process that has `before` others before it on its machine, where there are `count` CUDA devices: each takes
    /// its own, if it may choose or take the first. If the devices are fewer, or the launcher shows each process its own, processes
    /// start from the first again.
    #[must_use]
    pub fn of_process(self, before: usize, count: impl FnOnce() -> usize) -> Self {
        if before == 0 || !matches!(self, Self::Auto | Self::Cuda(0)) {
            return self;
        }
        match count() {
            0 => self,
            count => Self::Cuda(before % count),
        }
    }

    /// Opens the chosen device.
    ///
    /// # Errors
    /// If the user asked for a CUDA device that is not available; the error carries advice.
    pub fn open(self) -> Result<OpenedDevice> {
        let index = match self {
            Self::Cpu => return Ok(OpenedDevice::cpu(None)),
            Self::Auto => 0,
            Self::Cuda(index) => index,
        };
        match mbn_ops::open_cuda(index) {
            Ok(device) => Ok(OpenedDevice {
                device,
                index: Some(index),
                unavailable: None,
            }),
            Err(cause) if self == Self::Auto => Ok(OpenedDevice::cpu(Some(cause))),
            Err(cause) => {
                let hint = hint(&cause);
                Err(cause)
                    .with_context(|| format!("`--device {self}` is not available"))
                    .hint(|| hint.to_owned())
            }
        }
    }
}

/// What the user can do about a CUDA device that is not available.
fn hint(cause: &CudaUnavailable) -> &'static str {
    match cause {
        CudaUnavailable::NotBuilt => "build with `make cuda`, or use `--device cpu`",
        CudaUnavailable::Driver(_) => {
            "`nvidia-smi` shows whether the driver works; if `libcuda.so.1` is a stub to link against, take its \
             folder out of `LD_LIBRARY_PATH`"
        }
        CudaUnavailable::OldDriver { .. } => {
            "install a newer driver, of which `nvidia-smi` shows the version of CUDA that it supports, or use `--device cpu`"
        }
        CudaUnavailable::NoDevice => {
            "`nvidia-smi -L` lists the devices; `CUDA_VISIBLE_DEVICES` may hide them, and a container sees only the \
             devices that it is given"
        }
        CudaUnavailable::Index { .. } => {
            "`nvidia-smi -L` lists the devices, in CUDA's order if `CUDA_DEVICE_ORDER` is `PCI_BUS_ID` (otherwise the fastest \
             comes first); `--device cuda` takes the first"
        }
        CudaUnavailable::OldDevice { .. } => {
            "use a card of the Ampere generation (2020) or newer, or `--device cpu`"
        }
        CudaUnavailable::Open { .. } => {
            "`nvidia-smi` shows whether another program holds it or its memory is full"
        }
    }
}

/// Adds what takes less memory to an error that says that a CUDA device has too little.
///
/// # Errors
/// The error of `result`.
pub fn advise_on_memory<T>(result: Result<T>, what_takes_less: &str) -> Result<T> {
    let error = result.as_ref().err();
    let is_out_of_memory = error.is_some_and(|error| mbn_ops::is_out_of_memory(&format!("{error:#}")));
    match is_out_of_memory {
        true => result.hint(|| {
            format!(
                "the CUDA device has too little memory for this: {what_takes_less}; `nvidia-smi` shows what else uses it"
            )
        }),
        false => result,
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for choice in [
            DeviceChoice::Auto,
            DeviceChoice::Cpu,
            DeviceChoice::Cuda(0),
            DeviceChoice::Cuda(3),
        ] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["gpu", "cuda:", "cuda:-1", "cuda:x", ""] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

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
            let found = choice.of_process(before, || count);
            assert_eq!(found, expected, "{choice}, {before} before, {count} devices");
        }
    }

    #[test]
    fn every_cause_has_a_message_and_a_hint_of_its_own() {
        let text = || "x".to_owned();
        let causes = [
            CudaUnavailable::NotBuilt,
            CudaUnavailable::Driver(text()),
            CudaUnavailable::OldDriver {
                found: text(),
                needed: text(),
            },
            CudaUnavailable::NoDevice,
            CudaUnavailable::Index { index: 1, count: 1 },
            CudaUnavailable::OldDevice {
                name: text(),
                found: text(),
                needed: "8.0",
            },
            CudaUnavailable::Open {
                index: 0,
                cause: text(),
            },
        ];
        let mut messages: Vec<String> = causes
            .iter()
            .flat_map(|cause| [cause.to_string(), hint(cause).to_owned()])
            .collect();
        messages.sort();
        messages.dedup();
        assert_eq!(messages.len(), 2 * causes.len());
    }

    #[test]
    fn too_little_memory_gets_advice() {
        let failed = |words: &str| {
            let result: Result<()> = Err(anyhow::anyhow!("{words}").context("step 1"));
            crate::message(&advise_on_memory(result, "use a smaller `--batch-size`").unwrap_err())
        };
        let found = failed("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        assert!(
            found.contains("hint: the CUDA device has too little memory for this: use a smaller"),
            "{found}"
        );
        assert!(!failed("DriverError(CUDA_ERROR_ILLEGAL_ADDRESS)").contains("hint"));
    }

    #[test]
    fn the_cpu_opens_without_a_reason() {
        let opened = DeviceChoice::Cpu.open().unwrap();
        assert!(opened.device.is_cpu() && opened.index.is_none() && opened.unavailable.is_none());
    }
}
