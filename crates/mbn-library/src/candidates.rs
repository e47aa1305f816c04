//! The places where a library may lie.

use std::path::{Path, PathBuf};

/// None of the candidates was loaded. The reason is that of the first one that is there, else of the first one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot be loaded: {reason}", path.display())]
pub struct NotLoaded {
    /// The candidate that the reason is about.
    pub path: PathBuf,
    /// Why it was not loaded.
    pub reason: String,
    /// Whether it is a file that exists. If not, the system's loader, which looks for names, found none or refused it.
    pub is_file: bool,
}

/// The first of the `candidates` that `load` loads, and what it gives. A candidate is the path of a file, or a bare name that the
/// system's loader looks for.
///
/// # Errors
/// [`NotLoaded`] with the reason that says most: that a name was not found matters only where no file was.
pub fn first_that_loads<T>(
    candidates: impl IntoIterator<Item = PathBuf>,
    mut load: impl FnMut(&Path) -> Result<T, String>,
) -> Result<(PathBuf, T), NotLoaded> {
    let mut refused: Option<NotLoaded> = None;
    for path in candidates {
        match load(&path) {
            Ok(loaded) => return Ok((path, loaded)),
            Err(reason) => {
                let is_file = is_file_path(&path);
                if refused.as_ref().is_none_or(|first| is_file && !first.is_file) {
                    refused = Some(NotLoaded {
                        path,
                        reason,
                        is_file,
                    });
                }
            }
        }
    }
    Err(refused.unwrap_or_else(|| NotLoaded {
        path: PathBuf::new(),
        reason: "there is no candidate".to_owned(),
        is_file: false,
    }))
}

/// Whether `path` is the path of a file that exists. The system's loader does not look for a bare name in the working directory,
/// so a file of that name there says nothing.
pub fn is_file_path(path: &Path) -> bool {
    let has_folder = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty());
    has_folder && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every order of up to four candidates, of which each may be a bare name, a file, or a path where nothing is.
    #[test]
    fn the_first_file_that_is_there_gives_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        for count in 0..=4_u32 {
            for order in 0..3_usize.pow(count) {
                let mut paths = Vec::new();
                for place in 0..count {
                    let name = format!("libmbn-{place}.so");
                    let path = folder.path().join(&name);
                    match order / 3_usize.pow(place) % 3 {
                        0 => paths.push(PathBuf::from(name)),
                        1 => {
                            std::fs::write(&path, "a text").unwrap();
                            paths.push(path);
                        }
                        _ => paths.push(folder.path().join("gone").join(name)),
                    }
                }
                let refuse = |path: &Path| Err::<(), _>(format!("no {}", path.display()));
                let error = first_that_loads(paths.clone(), refuse).unwrap_err();
                let expected = paths.iter().find(|path| path.exists()).or(paths.first());
                assert_eq!(Some(&error.path), expected.or(Some(&PathBuf::new())), "{paths:?}");
                assert_eq!(error.is_file, error.path.exists(), "{paths:?}");
                if count > 0 {
                    assert_eq!(error.reason, format!("no {}", error.path.display()));
                }
            }
        }
    }

    #[test]
    fn the_first_that_loads_is_taken_and_no_other_tried() {
        let names = ["one", "two", "three"].map(PathBuf::from);
        let mut tried = Vec::new();
        let found = first_that_loads(names.clone(), |path| {
            tried.push(path.to_owned());
            match path == names[1] {
                true => Ok(2),
                false => Err("another".to_owned()),
            }
        });
        assert_eq!(found, Ok((names[1].clone(), 2)));
        assert_eq!(tried, names[..2]);
    }

    /// Tests run in the crate's folder, where this file is.
    #[test]
    fn a_bare_name_is_no_file_of_the_working_directory() {
        assert!(Path::new("Cargo.toml").is_file());
        assert!(!is_file_path(Path::new("Cargo.toml")));
        assert!(is_file_path(Path::new("./Cargo.toml")));
        assert!(!is_file_path(Path::new("./none.toml")) && !is_file_path(Path::new("/")));
    }
}
