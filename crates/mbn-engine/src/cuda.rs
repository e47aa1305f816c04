//! What ONNX Runtime's CUDA provider needs besides ONNX Runtime: its own library, NVIDIA's libraries, a driver and a
//! card.

mod devices;
mod error;
mod libraries;
mod packages;

use std::path::Path;

pub use devices::count_devices;
pub use error::{CudaError, OLDEST_DRIVER};
pub use libraries::{FOLDERS_VARIABLE, Folders};

use crate::runtime::Runtime;

/// Checks that the provider's library exists, and loads the libraries that it needs. ONNX Runtime's own message would
/// name only the first missing library, and not what to do.
///
/// # Errors
/// [`CudaError`], which says what is missing.
pub fn prepare(runtime: &Runtime, folders: &Folders) -> Result<(), CudaError> {
    let provider = provider_library(runtime.path());
    if !runtime.has_cuda() {
        let library = runtime.path_from_here().to_owned();
        return Err(match provider.file_name() {
            Some(name) if provider.is_file() => CudaError::Overwritten {
                library,
                version: runtime.version().to_owned(),
                provider: name.into(),
            },
            _ => CudaError::NoProvider { library },
        });
    }
    // A bare name is the system's library, whose folder is not known.
    if runtime.path().is_absolute() && !provider.is_file() {
        return Err(CudaError::ProviderMissing { path: provider });
    }
    libraries::preload(folders)
}

/// Where ONNX Runtime, loaded from `library`, looks for the provider.
fn provider_library(library: &Path) -> std::path::PathBuf {
    library.with_file_name(libloading::library_filename("onnxruntime_providers_cuda"))
}
