//! The places to search for ONNX Runtime's library.

use std::cmp::Reverse;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf, absolute};

use super::RuntimeError;
use crate::python;

/// Where `make onnxruntime` puts the library, from the repository's root.
const DOWNLOAD: &str = "onnxruntime/lib";
/// Where `make onnxruntime-cuda` does.
const CUDA_DOWNLOAD: &str = "onnxruntime/cuda/lib";
/// Where the packages `onnxruntime` and `onnxruntime-gpu` have the library, from the folder of packages.
const PYTHON_PACKAGE: &str = "onnxruntime/capi";
/// What the name of the folder starts with that describes the installed package `onnxruntime-gpu`, before its version.
const GPU_PACKAGE: &str = "onnxruntime_gpu-";

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
    /// A Python environment.
    Python,
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
        return newest_library(&absolute).ok_or_else(|| RuntimeError::NoneInFolder(path.to_owned()));
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
    let program = program.as_deref();
    let roots: Vec<_> = program.into_iter().flat_map(repositories).collect();
    let in_each = |download: &'static str| roots.iter().map(move |root| root.join(download));
    let downloads = downloads
        .into_iter()
        .flat_map(in_each)
        .map(|folder| (folder, Origin::Download));
    let beside = program
        .and_then(Path::parent)
        .map(|folder| (folder.to_owned(), Origin::BesideProgram));

    let mut places: Vec<(PathBuf, Origin)> = downloads
        .chain(beside)
        .filter_map(|(folder, origin)| Some((newest_library(&folder)?, origin)))
        .collect();
    let environments = python::environments();
    let packages = environments
        .iter()
        .flat_map(|environment| in_environment(environment, cuda));
    places.extend(packages.map(|library| (library, Origin::Python)));
    places.dedup_by(|a, b| a.0 == b.0);
    let name = libloading::library_filename("onnxruntime");
    let mut with_abi_version = name.clone();
    with_abi_version.push(".1");
    places.push((name.into(), Origin::System));
    if cfg!(target_os = "macos") {
        // The loader does not search Homebrew's folders.
        let folders = HOMEBREW.iter().map(Path::new);
        let there = folders.filter_map(newest_library);
        places.extend(there.map(|library| (library, Origin::System)));
    }
    if cfg!(target_os = "linux") {
        // Distributions put the unversioned name into a development package.
        places.push((with_abi_version.into(), Origin::System));
    }
    places
}

/// Folders of Homebrew's libraries, on Apple's processors and on Intel's.
const HOMEBREW: [&str; 2] = ["/opt/homebrew/lib", "/usr/local/lib"];

/// The repository that a program is built in, and those around it: the folders with a `Cargo.toml` above the folder `target`. Other
/// folders, such as the current one, are not trusted: whoever can write there could have a library loaded.
fn repositories(program: &Path) -> impl Iterator<Item = &Path> {
    let is_target = |folder: &&Path| folder.file_name() == Some(OsStr::new("target"));
    let above = program.ancestors().skip(1).find(is_target).and_then(Path::parent);
    let above = above.into_iter().flat_map(Path::ancestors);
    above.take_while(|folder| folder.join("Cargo.toml").is_file())
}

/// The libraries in a Python environment: in the packages of each Python, the newest first, and conda's own.
fn in_environment(environment: &Path, cuda: bool) -> Vec<PathBuf> {
    let packages = python::package_folders(environment);
    let mut libraries: Vec<_> = packages
        .iter()
        .filter_map(|packages| in_packages(packages, cuda))
        .collect();
    // An environment of one user has packages of several Pythons, and the program was installed by one of them.
    libraries.sort_by_cached_key(|path| Reverse(path.file_name().and_then(version_in_name)));
    if environment.join("conda-meta").is_dir() {
        libraries.extend(newest_library(&environment.join("lib")));
    }
    libraries
}

/// The library in a folder of packages. Both `onnxruntime` and `onnxruntime-gpu` put one into the same folder; `cuda` asks for
/// the second's, if the versions differ, so that it still is there.
fn in_packages(packages: &Path, cuda: bool) -> Option<PathBuf> {
    let folder = packages.join(PYTHON_PACKAGE);
    let of_gpu_package = || {
        let entries = python::sorted_entries(packages);
        let installed = entries.iter().find_map(|path| {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(GPU_PACKAGE)?.strip_suffix(".dist-info")
        })?;
        let parts = installed.split('.').map(|part| part.parse().ok());
        let version: Vec<u32> = parts.collect::<Option<_>>()?;
        let is_its = |path: &PathBuf| path.file_name().and_then(version_in_name).as_ref() == Some(&version);
        python::sorted_entries(&folder).into_iter().find(is_its)
    };
    let preferred = if cuda { of_gpu_package() } else { None };
    preferred.or_else(|| newest_library(&folder))
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
    #[cfg(target_os = "linux")]
    fn packages_of_an_environment_are_searched_from_the_newest() {
        let environment = tempfile::tempdir().unwrap();
        let library = |place: &str| {
            let path = environment.path().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, b"").unwrap();
            path
        };
        let found = || in_environment(environment.path(), false);
        assert!(found().is_empty());
        let old = library("lib/python3.13/site-packages/onnxruntime/capi/libonnxruntime.so.1.9.0");
        library("lib/python3.12/site-packages/onnxruntime/capi/libonnxruntime_providers_shared.so");
        library("lib/python3.14/site-packages/other/capi/libonnxruntime.so.1.40.0");
        let new = library("lib/python3.12/site-packages/onnxruntime/capi/libonnxruntime.so.1.31.1");
        let conda = library("lib/libonnxruntime.so.1.32.0");
        assert_eq!(found(), [new.clone(), old.clone()]);
        std::fs::create_dir(environment.path().join("conda-meta")).unwrap();
        assert_eq!(found(), [new, old, conda]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn of_two_packages_in_one_folder_the_one_with_cuda_is_taken_for_cuda() {
        let packages = tempfile::tempdir().unwrap();
        let libraries = packages.path().join(PYTHON_PACKAGE);
        std::fs::create_dir_all(&libraries).unwrap();
        let version = |version: &str| libraries.join(format!("libonnxruntime.so.{version}"));
        for name in ["1.31.1", "1.32.0"] {
            std::fs::write(version(name), b"").unwrap();
        }
        let described = |name: &str| std::fs::create_dir(packages.path().join(name)).unwrap();
        described("onnxruntime-1.32.0.dist-info");
        assert_eq!(in_packages(packages.path(), true), Some(version("1.32.0")));
        described("onnxruntime_gpu-1.31.1.dist-info");
        assert_eq!(in_packages(packages.path(), true), Some(version("1.31.1")));
        assert_eq!(in_packages(packages.path(), false), Some(version("1.32.0")));
        std::fs::remove_file(version("1.31.1")).unwrap();
        assert_eq!(in_packages(packages.path(), true), Some(version("1.32.0")));
    }

    #[test]
    fn only_the_repository_of_a_built_program_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for package in ["a", "a/inner"] {
            std::fs::create_dir_all(root.join(package)).unwrap();
            std::fs::write(root.join(package).join("Cargo.toml"), "").unwrap();
        }
        let found = |program: &str| -> Vec<PathBuf> {
            let program = root.join(program);
            repositories(&program).map(Path::to_owned).collect()
        };
        assert_eq!(found("a/target/release/program"), [root.join("a")]);
        assert_eq!(
            found("a/inner/target/x86_64/debug/deps/program"),
            [root.join("a/inner"), root.join("a")]
        );
        // Not a program's own folder, nor one where nothing is built.
        for program in [
            "a/program",
            "a/bin/program",
            "b/target/release/program",
            "target/program",
        ] {
            assert!(found(program).is_empty(), "{program}");
        }
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
