//! Loads NVIDIA's libraries that the CUDA provider needs, from the folders where they may lie.

use std::env;
use std::path::{Path, PathBuf};

use mbn_library::first_that_loads;

use super::CudaError;
use super::packages::LIBRARIES;
use crate::python;

/// Environment variable with folders, separated as in `PATH`, that are searched before the system's.
pub const FOLDERS_VARIABLE: &str = "MBN_CUDA_LIBS";

/// The driver's library, which comes with the driver alone.
pub(super) const DRIVER: &str = "libcuda.so.1";

/// Where to search for NVIDIA's libraries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// Before the system's libraries.
    named: Vec<PathBuf>,
    /// After them.
    implied: Vec<PathBuf>,
}

impl Folders {
    /// The search order: `explicit` (a folder that the user names), the folders in [`FOLDERS_VARIABLE`], the system's
    /// libraries, the Python environment that the program is installed in, the active one. In a Python environment the
    /// folders of NVIDIA's packages count too.
    pub fn new(explicit: Option<&Path>) -> Self {
        let variable = env::var_os(FOLDERS_VARIABLE).unwrap_or_default();
        let named = explicit
            .map(Path::to_owned)
            .into_iter()
            .chain(env::split_paths(&variable).filter(|path| !path.as_os_str().is_empty()));
        let implied = python::environments();
        Self {
            named: named.flat_map(|path| with_packages(&path)).collect(),
            implied: implied.iter().flat_map(|path| with_packages(path)).collect(),
        }
    }
}

/// A folder, and the folders of NVIDIA's packages if it is a Python environment or its `site-packages`.
fn with_packages(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    for packages in std::iter::once(folder.to_owned()).chain(python::package_folders(folder)) {
        for package in python::sorted_entries(&packages.join("nvidia")) {
            folders.push(package.join("lib"));
        }
    }
    folders.retain(|folder| folder.is_dir());
    folders
}

/// Loads the driver's library and NVIDIA's, so that the provider, which asks for them by name, gets these.
pub(super) fn preload(folders: &Folders) -> Result<(), CudaError> {
    if !cfg!(target_os = "linux") {
        // On other systems only the loader knows where they are.
        return Ok(());
    }
    load(Path::new(DRIVER)).map_err(|reason| CudaError::NoDriver { reason })?;
    for library in &LIBRARIES {
        match load_from(library.name, folders) {
            Err(reason) if library.required => return Err(CudaError::library(library.name, reason)),
            Err(reason) => log::debug!("{reason}"),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn load_from(name: &str, folders: &Folders) -> Result<(), String> {
    let system = PathBuf::from(name);
    let inside = |folders: &[PathBuf]| -> Vec<PathBuf> {
        let paths = folders.iter().map(|folder| folder.join(name));
        paths.filter(|path| path.is_file()).collect()
    };
    let candidates = inside(&folders.named)
        .into_iter()
        .chain([system])
        .chain(inside(&folders.implied));
    let (path, ()) = first_that_loads(candidates, load).map_err(|error| error.reason)?;
    log::debug!("`{name}` from `{}`", path.display());
    Ok(())
}

/// Loads a library for the rest of the process.
fn load(path: &Path) -> Result<(), String> {
    ort::util::preload_dylib(path).map_err(|error| mbn_library::reason(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_a_python_environment_are_found() {
        let environment = tempfile::tempdir().unwrap();
        let packages = environment.path().join("lib/python3.12/site-packages");
        for folder in [
            "nvidia/cu13/lib",
            "nvidia/cudnn/lib",
            "nvidia/cudnn/include",
            "numpy/lib",
        ] {
            std::fs::create_dir_all(packages.join(folder)).unwrap();
        }
        let expected = [
            packages.join("nvidia/cu13/lib"),
            packages.join("nvidia/cudnn/lib"),
        ];
        assert_eq!(with_packages(environment.path())[1..], expected);
        assert_eq!(with_packages(&packages)[1..], expected);
        assert_eq!(
            with_packages(&packages.join("nvidia/cu13/lib")),
            [packages.join("nvidia/cu13/lib")]
        );
        assert!(with_packages(Path::new("gone")).is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_does_not_load_is_the_reason_given() {
        let [first, second] = [0, 1].map(|_| tempfile::tempdir().unwrap());
        for folder in [&first, &second] {
            std::fs::write(folder.path().join("libmbn-none.so.1"), b"a text").unwrap();
        }
        let paths = |folder: &tempfile::TempDir| vec![folder.path().to_owned()];
        // Named by the user, in the Python environment, and both.
        for (named, implied) in [
            (paths(&first), Vec::new()),
            (Vec::new(), paths(&first)),
            (paths(&first), paths(&second)),
        ] {
            let folders = Folders { named, implied };
            let reason = load_from("libmbn-none.so.1", &folders).unwrap_err();
            let expected = first.path().join("libmbn-none.so.1");
            assert!(reason.contains(&expected.display().to_string()), "{reason}");
            assert!(!reason.contains("cannot open shared object file"), "{reason}");
        }
        let reason = load_from("libmbn-none.so.1", &Folders::default()).unwrap_err();
        assert!(reason.contains("cannot open shared object file"), "{reason}");
    }
}
