//! Opening a CUDA device, and why it may not be had.

use candle_core::Device;

/// Why a CUDA device cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CudaUnavailable {
    /// The program was built without the feature `cuda`.
    #[error("this build has no CUDA support")]
    NotBuilt,
    /// The driver does not start.
    #[error("NVIDIA's driver does not start ({0})")]
    Driver(String),
    /// The driver is older than the toolkit that the kernels were compiled with.
    #[error("NVIDIA's driver supports CUDA {found}, this build needs {needed}")]
    OldDriver {
        /// CUDA version of the driver.
        found: String,
        /// CUDA version of the build.
        needed: String,
    },
    /// The driver runs, but has no device.
    #[error("there is no CUDA device")]
    NoDevice,
    /// There are devices, but not this one.
    #[error("there is no CUDA device {index}, only {count} from 0 on")]
    Index {
        /// What was asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The device is older than the kernels allow.
    #[error("`{name}` has compute capability {found}, the kernels need {needed}")]
    OldDevice {
        /// The device's name.
        name: String,
        /// Its compute capability.
        found: String,
        /// What the kernels need.
        needed: &'static str,
    },
    /// The device is there, but does not let itself be used.
    #[error("CUDA device {index} cannot be used ({cause})")]
    Open {
        /// Which one.
        index: usize,
        /// What the driver says.
        cause: String,
    },
}

impl CudaUnavailable {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotBuilt => "build with `make cuda`, or use `--device cpu`",
            Self::Driver(_) => {
                "`nvidia-smi` shows whether the driver works; if `libcuda.so.1` is a stub to link against, take its \
                 folder out of `LD_LIBRARY_PATH`"
            }
            Self::OldDriver { .. } => {
                "install a newer driver (580 or newer for CUDA 13.0), or use `--device cpu`"
            }
            Self::NoDevice => {
                "`nvidia-smi -L` lists the devices; `CUDA_VISIBLE_DEVICES` may hide them, and a container needs to be \
                 given them"
            }
            Self::Index { .. } => "`nvidia-smi -L` lists the devices; `--device cuda` takes the first",
            Self::OldDevice { .. } => "use a card from Ampere (2020) on, or `--device cpu`",
            Self::Open { .. } => "`nvidia-smi` shows whether another program holds it or its memory is full",
        }
    }
}

/// The CUDA device of this index, with one queue of work for all threads.
///
/// # Errors
/// [`CudaUnavailable`], which names the cause.
pub fn open_cuda(index: usize) -> Result<Device, CudaUnavailable> {
    #[cfg(feature = "cuda")]
    return crate::cuda::device::open(index);
    #[cfg(not(feature = "cuda"))]
    {
        // Which one does not matter to a build that can use none.
        let _ = index;
        Err(CudaUnavailable::NotBuilt)
    }
}

/// The name that the driver gives a device; `CPU` for the CPU.
pub fn device_name(device: &Device) -> String {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => crate::cuda::device::name(device),
        _ => "CPU".to_owned(),
    }
}

/// Whether products of float32 matrices may round their operands to TF32 (10 bits of mantissa) on CUDA: several times
/// as fast, with errors of about 1e-3. At first they may not. Holds for the whole program; the CPU never does.
pub fn allow_tf32(allow: bool) {
    #[cfg(feature = "cuda")]
    candle_core::cuda::set_gemm_reduced_precision_f32(allow);
    #[cfg(not(feature = "cuda"))]
    let _ = allow;
}

#[cfg(test)]
mod tests {
    use super::*;

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
            .flat_map(|cause| [cause.to_string(), cause.hint().to_owned()])
            .collect();
        messages.sort();
        messages.dedup();
        assert_eq!(messages.len(), 2 * causes.len());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_build_without_cuda_says_so() {
        assert_eq!(open_cuda(0).unwrap_err(), CudaUnavailable::NotBuilt);
        assert_eq!(device_name(&Device::Cpu), "CPU");
    }
}
