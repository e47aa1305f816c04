//! Python environments whose packages may have the libraries: the one that the program is installed in, and the active one.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Variables that name the Python environment in use.
const ACTIVE: [&str; 2] = ["VIRTUAL_ENV", "CONDA_PREFIX"];

/// Folders of an environment that have packages, or that have a folder for each Python.
const PACKAGE_FOLDERS: [&str; 2] = ["site-packages", "dist-packages"];
const LIBRARY_FOLDERS: [&str; 3] = ["lib", "lib64", "Lib"];

/// The folders of the environments to search, in this order: the one that the program is installed in, with the Python below
/// it if it shows that one's packages; the active one.
pub(crate) fn environments() -> Vec<PathBuf> {
    // Links are resolved: pipx and uv put a link to the program into a folder of PATH.
    let program = env::current_exe().and_then(|path| path.canonicalize());
    let active = ACTIVE
        .iter()
        .filter_map(|name| env::var_os(name).filter(|value| !value.is_empty()));
    let mut environments = program.map_or_else(|_| Vec::new(), |path| around(&path));
    environments.extend(active.map(PathBuf::from));
    environments
}

/// The environment that has the program in its `bin`, and the Python below it if `pyvenv.cfg` says that its packages count.
/// A folder is no proof of an environment: its packages are.
fn around(program: &Path) -> Vec<PathBuf> {
    let scripts = program.parent().filter(|folder| {
        matches!(
            folder.file_name().and_then(OsStr::to_str),
            Some("bin" | "Scripts")
        )
    });
    let Some(environment) = scripts.and_then(Path::parent) else {
        return Vec::new();
    };
    let mut environments = vec![environment.to_owned()];
    environments.extend(below(environment));
    environments
}

/// The Python that a virtual environment was made from, if its packages count (`python -m venv --system-site-packages`).
fn below(environment: &Path) -> Option<PathBuf> {
    let config = fs::read_to_string(environment.join("pyvenv.cfg")).ok()?;
    let value = |key: &str| {
        let lines = config.lines().filter_map(|line| line.split_once('='));
        let mut values = lines.filter(|(name, _)| name.trim().eq_ignore_ascii_case(key));
        values.next().map(|(_, value)| value.trim())
    };
    let shown = value("include-system-site-packages")?.eq_ignore_ascii_case("true");
    let home = Path::new(value("home")?);
    // On Windows Python lies in the environment's own folder, elsewhere in its `bin`.
    let folder = if home.ends_with("bin") {
        home.parent()?
    } else {
        home
    };
    shown.then(|| folder.to_owned())
}

/// The folders of packages in an environment, one for each Python: `lib/python3.12/site-packages`; `dist-packages` in Debian's
/// own Python; `Lib/site-packages` on Windows, and `site-packages` alone for packages of one user there.
pub(crate) fn package_folders(environment: &Path) -> Vec<PathBuf> {
    let libraries = LIBRARY_FOLDERS.map(|name| environment.join(name));
    let pythons = libraries.iter().flat_map(|folder| sorted_entries(folder));
    let pythons = pythons.filter(|path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("python")
    });
    let parents = [environment.to_owned()]
        .into_iter()
        .chain(libraries.iter().cloned())
        .chain(pythons);
    let mut found: Vec<PathBuf> = Vec::new();
    let mut known = Vec::new();
    for folder in parents.flat_map(|parent| PACKAGE_FOLDERS.map(|name| parent.join(name))) {
        // `lib64` is often a link to `lib`, and some systems do not tell `lib` from `Lib`.
        let Ok(real) = folder.canonicalize() else {
            continue;
        };
        if real.is_dir() && !known.contains(&real) {
            known.push(real);
            found.push(folder);
        }
    }
    found
}

/// What a folder has, in the order of the names; nothing if it cannot be read.
pub(crate) fn sorted_entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn folder_with(folders: &[&str]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    #[test]
    fn the_environment_is_above_the_folder_of_programs() {
        let around = |path: &str| around(Path::new(path));
        assert_eq!(around("/srv/venv/bin/mbn-infer"), [PathBuf::from("/srv/venv")]);
        assert_eq!(
            around("/srv/venv/Scripts/mbn-infer.exe"),
            [PathBuf::from("/srv/venv")]
        );
        assert!(around("/srv/target/release/mbn-infer").is_empty());
        assert!(around("mbn-infer").is_empty());
    }

    #[test]
    fn packages_of_every_python_are_found_once() {
        let root = folder_with(&[
            "lib/python3.12/site-packages",
            "lib/python3.9/site-packages",
            "lib/python3/dist-packages",
            "lib/ruby/site-packages",
            "lib/python3.13/lib-dynload",
            "include/site-packages",
        ]);
        #[cfg(unix)]
        std::os::unix::fs::symlink("lib", root.path().join("lib64")).unwrap();
        let expected = [
            "python3/dist-packages",
            "python3.12/site-packages",
            "python3.9/site-packages",
        ];
        let expected = expected.map(|name| root.path().join("lib").join(name));
        assert_eq!(package_folders(root.path()), expected);
        assert!(package_folders(&root.path().join("gone")).is_empty());
    }

    #[test]
    fn packages_of_a_user_on_windows_and_of_a_second_library_folder_are_found() {
        let root = folder_with(&["site-packages", "lib64/python3.12/site-packages"]);
        let expected = ["site-packages", "lib64/python3.12/site-packages"].map(|name| root.path().join(name));
        assert_eq!(package_folders(root.path()), expected);
    }

    #[test]
    fn the_python_below_counts_if_the_environment_says_so() {
        let root = folder_with(&["venv/bin", "base/bin"]);
        let (venv, base) = (root.path().join("venv"), root.path().join("base"));
        let around_with = |shown: &str| {
            let home = base.join("bin");
            let config = format!(
                "home = {}\ninclude-system-site-packages = {shown}\nversion = 3.12.1\n",
                home.display()
            );
            fs::write(venv.join("pyvenv.cfg"), config).unwrap();
            around(&venv.join("bin/mbn-infer"))
        };
        assert_eq!(around_with("false"), std::slice::from_ref(&venv));
        fs::write(venv.join("pyvenv.cfg"), "include-system-site-packages = true").unwrap();
        assert_eq!(around(&venv.join("bin/mbn-infer")), std::slice::from_ref(&venv));
        assert_eq!(around_with("true"), [venv, base]);
    }
}
