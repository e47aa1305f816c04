//! What ONNX Runtime's CUDA provider needs besides ONNX Runtime: its own library, NVIDIA's libraries, a driver and a
//! card.

mod devices;
mod error;
mod libraries;
mod packages;

use std::fs::File;
use std::io::Read;
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
    libraries::preload(folders).map_err(|error| match other_version(&provider) {
        Some(library) => CudaError::OtherVersion { library },
        None => error,
    })
}

/// The library of another CUDA that a provider is linked with, if it is one of the last versions before the one that is known here.
fn other_version(provider: &Path) -> Option<String> {
    /// Read at a time; the file has hundreds of megabytes.
    const PIECE: usize = 1 << 20;
    // cuDNN's part of the provider names the CUDA runtime of both; only what it is linked with names cuBLAS.
    let others = ["libcublasLt.so.12", "libcublasLt.so.11"];
    let longest = others.map(str::len).into_iter().max().unwrap_or_default();
    let mut file = File::open(provider).ok()?;
    let (mut piece, mut kept) = (vec![0; PIECE], 0);
    loop {
        let read = file.read(&mut piece[kept..]).ok().filter(|read| *read > 0)?;
        let end = kept + read;
        let found = others.iter().find(|name| {
            let mut parts = piece[..end].windows(name.len());
            parts.any(|part| part == name.as_bytes())
        });
        if let Some(name) = found {
            return Some((*name).to_owned());
        }
        // A name may begin in this piece and end in the next.
        kept = longest.min(end);
        piece.copy_within(end - kept..end, 0);
    }
}

/// Where ONNX Runtime, loaded from `library`, looks for the provider.
fn provider_library(library: &Path) -> std::path::PathBuf {
    library.with_file_name(libloading::library_filename("onnxruntime_providers_cuda"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cuda_of_a_provider_is_read_wherever_it_says_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("provider.so");
        let found = |before: usize, name: &[u8]| {
            let content = [&vec![7; before][..], name, &[0; 100]].concat();
            std::fs::write(&path, content).unwrap();
            other_version(&path)
        };
        for before in [0, 5, (1 << 20) - 7, 1 << 20, (3 << 20) - 1] {
            assert_eq!(
                found(before, b"libcublasLt.so.12").as_deref(),
                Some("libcublasLt.so.12"),
                "{before}"
            );
            assert_eq!(found(before, b"libcublasLt.so.13"), None, "{before}");
        }
        assert_eq!(other_version(&folder.path().join("none")), None);
    }
}
