//! Why a CUDA device is not available, or holds no more.

/// Why a CUDA device is not available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CudaUnavailable {
    /// The program was built without the feature `cuda`.
    #[error("this build has no CUDA support")]
    NotBuilt,
    /// The driver does not start.
    #[error("NVIDIA's driver does not start ({0})")]
    Driver(String),
    /// The driver is older than the toolkit that compiled the kernels.
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
    /// There are devices, but none of this index.
    #[error("there is no CUDA device {index}; this machine has {count}, counted from 0")]
    Index {
        /// The requested index.
        index: usize,
        /// Number of devices.
        count: usize,
    },
    /// The device is older than the kernels allow.
    #[error("`{name}` has compute capability {found}, the kernels need {needed}")]
    OldDevice {
        /// The device's name.
        name: String,
        /// Its compute capability.
        found: String,
        /// The least compute capability of the kernels.
        needed: &'static str,
    },
    /// The device exists but does not open.
    #[error("CUDA device {index} cannot be used ({cause})")]
    Open {
        /// The device's index.
        index: usize,
        /// The driver's answer.
        cause: String,
    },
}

/// The words of CUDA's driver and of cuBLAS for a device without enough memory.
const OUT_OF_MEMORY: [&str; 2] = ["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED"];

/// Whether a message of candle or of this crate says that a CUDA device has too little memory. candle's errors say it in words alone.
pub fn is_out_of_memory(message: &str) -> bool {
    OUT_OF_MEMORY.iter().any(|words| message.contains(words))
}
