//! The places to search for ONNX Runtime's library.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf, absolute};

use super::RuntimeError;

/// Where `make onnxruntime` puts the library, from the repository's root.
const DOWNLOAD: &str = "onnxruntime/lib";
/// Where `make onnxruntime-cuda` does.
const CUDA_DOWNLOAD: &str = "onnxruntime/cuda/lib";

/// How a library was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The caller names it.
    Named,
    /// The environment variable `ORT_DYLIB_PATH`.
    Variable,
    /// The download of `make onnxruntime` or `make onnxruntime-cuda`.
    Download,
    /// The program's own folder.
    BesideProgram,
    /// The system's loader.
    System,
}

/// The library that the caller or the environment names, if any.
pub(super) fn named(explicit: Option<&Path>) -> Option<(PathBuf, Origin)> {
    let variable = || env::var_os("ORT_DYLIB_PATH").filter(|value| !value.is_empty());
    match explicit {
        Some(path) => Some((path.to_owned(), Origin::Named)),
        None => variable().map(|value| (value.into(), Origin::Variable)),
    }
}

/// An absolute path of the library that `path` names: `path` itself, or the newest library in the folder `path`.
pub(super) fn in_folder(path: &Path) -> Result<PathBuf, RuntimeError> {
    let missing = || RuntimeError::Missing(path.to_owned());
    let absolute = absolute(path).map_err(|_| missing())?;
    if absolute.is_dir() {
        return newest_library(&absolute).ok_or_else(missing);
    }
    if absolute.exists() {
        Ok(absolute)
    } else {
        Err(missing())
    }
}

/// Libraries to try, in order, if none is named. `cuda` puts the download with the CUDA provider before the plain
/// one.
pub(super) fn implied(cuda: bool) -> Vec<(PathBuf, Origin)> {
    let downloads = if cuda {
        [CUDA_DOWNLOAD, DOWNLOAD]
    } else {
        [DOWNLOAD, CUDA_DOWNLOAD]
    };
    let program = env::current_exe().and_then(|path| path.canonicalize()).ok();
    let program_folders: Vec<_> = program.iter().flat_map(|path| path.ancestors().skip(1)).collect();
    let in_each = |download: &'static str| {
        absolute(download)
            .into_iter()
            .chain(program_folders.iter().map(move |folder| folder.join(download)))
    };
    let downloads = downloads
        .into_iter()
        .flat_map(in_each)
        .map(|folder| (folder, Origin::Download));
    let beside = program_folders
        .first()
        .map(|folder| (folder.to_path_buf(), Origin::BesideProgram));

    let mut places: Vec<(PathBuf, Origin)> = downloads
        .chain(beside)
        .filter_map(|(folder, origin)| Some((newest_library(&folder)?, origin)))
        .collect();
    places.dedup_by(|a, b| a.0 == b.0);
    let name = libloading::library_filename("onnxruntime");
    let mut with_abi_version = name.clone();
    with_abi_version.push(".1");
    places.push((name.into(), Origin::System));
    if cfg!(target_os = "linux") {
        // Distributions put the unversioned name into a development package.
        places.push((with_abi_version.into(), Origin::System));
    }
    places
}

/// The library of the highest version in a folder.
fn newest_library(folder: &Path) -> Option<PathBuf> {
    let names = folder.read_dir().ok()?.flatten().map(|entry| entry.file_name());
    let newest = names
        .filter_map(|name| Some((version_in_name(&name)?, name)))
        .max()?
        .1;
    Some(folder.join(newest))
}

/// The numbers in `libonnxruntime.so.1.31.1`, `libonnxruntime.1.31.1.dylib`, `libonnxruntime.so` (none) and
/// the like; `None` for any other file, such as a provider's library.
fn version_in_name(name: &OsStr) -> Option<Vec<u32>> {
    let rest = name
        .to_str()?
        .strip_prefix(env::consts::DLL_PREFIX)?
        .strip_prefix("onnxruntime")?;
    let mut parts: Vec<_> = rest.strip_prefix('.')?.split('.').collect();
    let extension = parts
        .iter()
        .position(|part| *part == env::consts::DLL_EXTENSION)?;
    parts.remove(extension);
    parts.into_iter().map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_newest_library_of_a_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_library(folder.path()), None);
        for name in [
            "libonnxruntime_providers_shared.so",
            "libonnxruntime.so.1.9.1",
            "libother.so",
            "notes.txt",
        ] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let newest = || newest_library(folder.path()).unwrap();
        assert!(newest().ends_with("libonnxruntime.so.1.9.1"));
        std::fs::write(folder.path().join("libonnxruntime.so.1.31.1"), b"").unwrap();
        assert!(newest().ends_with("libonnxruntime.so.1.31.1"));
        assert_eq!(in_folder(folder.path()).unwrap(), newest());
    }

    #[test]
    fn a_named_library_comes_before_everything() {
        let path = Path::new("/some/lib.so");
        assert_eq!(named(Some(path)), Some((path.to_owned(), Origin::Named)));
    }

    #[test]
    fn the_system_comes_last_and_is_asked_by_name() {
        let places = implied(false);
        let (path, origin) = places.last().unwrap();
        assert_eq!(*origin, Origin::System);
        assert!(
            path.parent().is_some_and(|parent| parent.as_os_str().is_empty()),
            "{}",
            path.display()
        );
    }
}
