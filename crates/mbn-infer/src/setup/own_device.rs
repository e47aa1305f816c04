//! The CUDA device of this process, where a launcher has started several on one machine.

use mbn_cli::DeviceChoice;
use mbn_engine::cuda::count_devices;

use crate::options::Options;

/// The CUDA device that this process takes if it takes one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnDevice {
    pub(super) index: usize,
    /// Why this one, if the user leaves it to the program.
    pub(super) why: String,
}

impl OwnDevice {
    pub(super) fn of(options: &Options) -> Self {
        Self::among(options.device.device, options.before, || {
            count_devices().unwrap_or(0)
        })
    }

    /// That of a process with so many before it on its machine, which has `count` CUDA devices.
    fn among(choice: DeviceChoice, before: usize, count: impl FnOnce() -> usize) -> Self {
        let index = match choice.of_process(before, count) {
            DeviceChoice::Cuda(index) => index,
            DeviceChoice::Auto | DeviceChoice::Cpu => 0,
        };
        let why = match before {
            0 => "the first CUDA device".to_owned(),
            _ => format!("for process {} of this machine", before + 1),
        };
        Self { index, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_its_device() {
        let of = |choice: &str, before, count| {
            let own = OwnDevice::among(choice.parse().unwrap(), before, || count);
            (own.index, own.why)
        };
        let first = || "the first CUDA device".to_owned();
        assert_eq!(of("auto", 0, 4), (0, first()));
        assert_eq!(of("auto", 2, 4), (2, "for process 3 of this machine".to_owned()));
        assert_eq!(of("cuda", 5, 4).0, 1);
        assert_eq!(of("cuda:3", 1, 4).0, 3);
        // The driver does not say how many there are: loading says why.
        assert_eq!(of("auto", 2, 0).0, 0);
    }
}
