//! Where launchers have the library that belongs to them.

use std::env::{self, consts::ARCH};
use std::path::{Path, PathBuf};

use crate::launcher::Family;

/// Names of the libraries of Open MPI, the newest interface first.
const OPEN_MPI: &[&str] = if cfg!(target_os = "macos") {
    &["libmpi.40.dylib", "libmpi.dylib"]
} else {
    &["libmpi.so.40", "libmpi.so"]
};
/// Of MPICH and its relatives, Debian's MPICH, and the standard ABI.
const MPICH: &[&str] = if cfg!(target_os = "macos") {
    &[
        "libmpi.12.dylib",
        "libmpich.12.dylib",
        "libmpi_abi.1.dylib",
        "libmpi_abi.0.dylib",
        "libmpi_abi.dylib",
    ]
} else {
    &[
        "libmpi.so.12",
        "libmpich.so.12",
        "libmpi_abi.so.1",
        "libmpi_abi.so.0",
        "libmpi_abi.so",
    ]
};
/// Variables that name the folder of an installation.
const PREFIXES: [&str; 4] = ["OPAL_PREFIX", "MPI_HOME", "MPI_ROOT", "I_MPI_ROOT"];
/// Folders of the packages of distributions. Homebrew's folders are not searched by the loader.
const PACKAGES: [&str; 2] = if cfg!(target_os = "macos") {
    ["/opt/homebrew", "/usr/local"]
} else {
    ["/usr/lib64/openmpi", "/usr/lib64/mpich"]
};

/// Names of libraries, those of the family first.
pub(crate) fn names(family: Option<Family>) -> Vec<&'static str> {
    match family {
        Some(Family::Mpich) => [MPICH, OPEN_MPI].concat(),
        _ => [OPEN_MPI, MPICH].concat(),
    }
}

/// Libraries to try, in order: the launcher's own, those of the installations that the environment names, the loader's, and
/// those of distributions.
pub(crate) fn candidates(family: Option<Family>) -> Vec<PathBuf> {
    let names = names(family);
    let launcher = launcher_folder().into_iter();
    let named = PREFIXES.into_iter().filter_map(env::var_os).map(PathBuf::from);
    let prefixes: Vec<_> = launcher.chain(named).chain(prefix_on_path()).collect();
    let mut found = in_prefixes(&prefixes, &names);
    found.extend(names.iter().map(PathBuf::from));
    found.extend(in_prefixes(&PACKAGES.map(PathBuf::from), &names));
    found
}

/// The libraries that are there.
fn in_prefixes(prefixes: &[PathBuf], names: &[&str]) -> Vec<PathBuf> {
    let folders = prefixes.iter().flat_map(|prefix| library_folders(prefix));
    let files = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    files.filter(|file| file.is_file()).collect()
}

/// Where an installation has its libraries. Intel's has them in `lib/release`.
fn library_folders(prefix: &Path) -> Vec<PathBuf> {
    let triple = format!("lib/{ARCH}-linux-gnu");
    ["lib", "lib64", &triple, "lib/release"]
        .map(|folder| prefix.join(folder))
        .into()
}

/// The installation of the program that started this process: `mpirun`, or its helper on another machine.
fn launcher_folder() -> Option<PathBuf> {
    let parent = parent_process()?;
    let program = std::fs::read_link(format!("/proc/{parent}/exe")).ok()?;
    prefix_of(&program)
}

#[cfg(unix)]
fn parent_process() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

#[cfg(not(unix))]
fn parent_process() -> Option<u32> {
    None
}

/// The installation of the `mpirun` that a shell would start.
fn prefix_on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut programs = env::split_paths(&path).map(|folder| folder.join("mpirun"));
    let program = programs.find(|program| program.is_file())?;
    // Distributions link it to one of several MPIs.
    prefix_of(&program.canonicalize().ok()?)
}

/// The folder above `bin`, if the program is in one.
fn prefix_of(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?;
    folder
        .ends_with("bin")
        .then(|| folder.parent().map(Path::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_beside_the_launcher() {
        let folder = std::env::temp_dir().join(format!("mbn-mpi-{}", std::process::id()));
        let lib = folder.join("lib");
        std::fs::create_dir_all(&lib).unwrap();
        for name in ["libmpi.so.12", "libmpi_abi.so.1", "libother.so"] {
            std::fs::write(lib.join(name), "").unwrap();
        }
        let prefix = prefix_of(&folder.join("bin/hydra_pmi_proxy")).unwrap();
        assert_eq!(prefix, folder);
        let found = in_prefixes(&[prefix], &names(Some(Family::Mpich)));
        assert_eq!(found, [lib.join("libmpi.so.12"), lib.join("libmpi_abi.so.1")]);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(prefix_of(Path::new("/opt/slurm/sbin/slurmstepd")), None);
    }

    #[test]
    fn the_launchers_own_family_comes_first() {
        assert_eq!(names(None)[0], "libmpi.so.40");
        assert_eq!(names(Some(Family::OpenMpi))[0], "libmpi.so.40");
        assert_eq!(names(Some(Family::Mpich))[0], "libmpi.so.12");
        assert!(candidates(None).contains(&PathBuf::from("libmpi_abi.so")));
    }
}
