//! Why ONNX Runtime's CUDA provider cannot be used.

use std::path::PathBuf;

use crate::placement::PlacementError;

/// The oldest driver that runs programs of CUDA 13, which the provider is built with.
pub const OLDEST_DRIVER: &str = "580";

/// The file in which the system states the version of its driver.
const DRIVER_VERSION: &str = "/proc/driver/nvidia/version";

/// ONNX Runtime's CUDA provider cannot be used, or not for this network.
#[derive(Debug, thiserror::Error)]
pub enum CudaError {
    /// ONNX Runtime was built without it.
    #[error("ONNX Runtime in `{}` has no CUDA provider", library.display())]
    NoProvider {
        /// ONNX Runtime's library.
        library: PathBuf,
    },
    /// ONNX Runtime was built without it, but its library is there: two packages wrote into one folder.
    #[error("ONNX Runtime {version} in `{}` has no CUDA provider, though `{}` lies beside it", library.display(), provider.display())]
    Overwritten {
        /// ONNX Runtime's library.
        library: PathBuf,
        /// Its version.
        version: String,
        /// The provider's file name.
        provider: PathBuf,
    },
    /// ONNX Runtime was built with it, but its library is missing.
    #[error("the CUDA provider's library `{}` does not exist", path.display())]
    ProviderMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A library that the provider needs cannot be loaded.
    #[error("`{library}`, which the CUDA provider needs, cannot be loaded: {reason}")]
    Library {
        /// Its name, such as `libcublas.so.13`.
        library: String,
        /// The Python package that contains it, if one is known.
        package: Option<&'static str>,
        /// The loader's words.
        reason: String,
    },
    /// ONNX Runtime is built for a CUDA of another version.
    #[error("the CUDA provider needs `{library}`: it is built for another version of CUDA than 13")]
    OtherVersion {
        /// The library that shows it, such as `libcublasLt.so.12`.
        library: String,
    },
    /// There is no NVIDIA driver.
    #[error("there is no NVIDIA driver: {reason}")]
    NoDriver {
        /// The loader's words, or CUDA's.
        reason: String,
    },
    /// The driver is older than the provider's CUDA.
    #[error("the NVIDIA driver{} is too old for the CUDA provider", version(installed.as_deref()))]
    DriverTooOld {
        /// Its version, if the system states it.
        installed: Option<String>,
    },
    /// The driver knows of no card.
    #[error("the NVIDIA driver finds no CUDA device")]
    NoDevice,
    /// There are cards, but none with this index.
    #[error("there is no CUDA device {index}{}", found.map(|n| format!(": {n} found")).unwrap_or_default())]
    Index {
        /// The index asked for, from 0.
        index: usize,
        /// Number of devices, where known.
        found: Option<usize>,
    },
    /// The provider has no code for this card.
    #[error("the CUDA provider has no code for CUDA device {index}")]
    Unsupported {
        /// The device's index.
        index: usize,
    },
    /// The device has too little memory.
    #[error("CUDA device {index} has too little memory: {reason}")]
    OutOfMemory {
        /// The device's index.
        index: usize,
        /// ONNX Runtime's words.
        reason: String,
    },
    /// ONNX Runtime put the network's costly operations elsewhere.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// The network cannot be replayed as a CUDA graph.
    #[error("the network cannot run as a CUDA graph: {0}")]
    Graph(String),
    /// Anything else.
    #[error("the CUDA provider fails: {0}")]
    Other(String),
}

impl CudaError {
    /// The error behind ONNX Runtime's `message` about device `index`.
    pub fn of_message(message: &str, index: usize) -> Self {
        let has = |part: &str| message.contains(part);
        if let Some(error) = missing_library(message) {
            return error;
        }
        if has("cuDNN is not available") || has("cuDNN is unavailable") {
            return Self::library("libcudnn.so.9", core_of(message));
        }
        match code(message) {
            Some(35) => {
                return Self::DriverTooOld {
                    installed: installed_driver(),
                };
            }
            Some(34) => {
                return Self::NoDriver {
                    reason: "`libcuda.so.1` is a stub to link with, not the driver".to_owned(),
                };
            }
            Some(2) => {
                let reason = core_of(message);
                return Self::OutOfMemory { index, reason };
            }
            Some(100) => return Self::NoDevice,
            Some(101) => return Self::Index { index, found: None },
            Some(209) => return Self::Unsupported { index },
            _ => {}
        }
        if has("Invalid device id") || has("Invalid device ID") {
            let found = number_after(message, "(inclusive) and ")
                .or_else(|| number_after(message, "total number of devices ("));
            return Self::Index { index, found };
        }
        let out_of_memory = [
            "out of memory",
            "Failed to allocate memory",
            "Available memory of",
            "STATUS_ALLOC_FAILED",
            "STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "bad allocation",
        ];
        if out_of_memory.iter().any(|part| has(part)) {
            let reason = core_of(message);
            return Self::OutOfMemory { index, reason };
        }
        if has("graph capture") || has("CUDA graph") {
            return Self::Graph(core_of(message));
        }
        Self::Other(core_of(message))
    }

    /// Whether the machine lacks a device, or something that every network on it needs.
    pub fn is_no_device(&self) -> bool {
        match self {
            Self::NoProvider { .. }
            | Self::Overwritten { .. }
            | Self::ProviderMissing { .. }
            | Self::Library { .. }
            | Self::OtherVersion { .. }
            | Self::NoDriver { .. }
            | Self::DriverTooOld { .. }
            | Self::NoDevice
            | Self::Index { .. }
            | Self::Unsupported { .. } => true,
            Self::OutOfMemory { .. } | Self::Placement(_) | Self::Graph(_) | Self::Other(_) => false,
        }
    }

    /// Whether a smaller batch may help.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::OutOfMemory { .. })
    }

    pub(super) fn library(library: &str, reason: String) -> Self {
        Self::Library {
            library: library.to_owned(),
            package: super::packages::package(library),
            reason,
        }
    }
}

/// The loader's message inside ONNX Runtime's: `... with error: NAME: cannot open shared object file: ...`.
fn missing_library(message: &str) -> Option<CudaError> {
    let reason = message.split_once("with error: ")?.1;
    let reason = reason.trim_end_matches(['.', '\n', ' ']);
    let library = reason.split(':').next().filter(|name| name.contains(".so"))?;
    if library.contains("/libcuda.so") || library == "libcuda.so.1" {
        return Some(CudaError::NoDriver {
            reason: reason.to_owned(),
        });
    }
    let name = library.rsplit('/').next().unwrap_or(library);
    if super::packages::is_of_other_version(name) {
        return Some(CudaError::OtherVersion {
            library: name.to_owned(),
        });
    }
    Some(CudaError::library(name, reason.to_owned()))
}

/// The number in `CUDA failure N: ...`.
fn code(message: &str) -> Option<usize> {
    number_after(message, "CUDA failure ").or_else(|| number_after(message, "CUDA error "))
}

fn number_after(message: &str, prefix: &str) -> Option<usize> {
    let rest = message.split_once(prefix)?.1;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// ONNX Runtime's message without the source locations at its start and end.
fn core_of(message: &str) -> String {
    let start = message
        .rfind("CUDA failure ")
        .or_else(|| message.rfind("FAIL : ").map(|at| at + "FAIL : ".len()))
        .unwrap_or(0);
    let core = message[start..].split(" ; GPU=").next().unwrap_or_default();
    // cuDNN's messages go on with its whole graph.
    let core = core.lines().next().unwrap_or_default();
    core.trim_end_matches(['.', ' ']).to_owned()
}

/// The version of the driver that the system runs, such as `570.86.15`.
fn installed_driver() -> Option<String> {
    version_of_driver(&std::fs::read_to_string(DRIVER_VERSION).ok()?)
}

fn version_of_driver(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains("NVRM"))?;
    let is_version = |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    line.split_whitespace().find(is_version).map(str::to_owned)
}

fn version(installed: Option<&str>) -> String {
    installed.map(|version| format!(" {version}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
