//! MPI, whose library is loaded at run time.

#[cfg(unix)]
mod abi;
#[cfg(unix)]
mod native;

use std::path::{Path, PathBuf};

use crate::{Collectives, CollectivesError};

/// Joins the processes that the launcher started: loads the library of MPI at `library`, else the launcher's own, and starts MPI.
/// A process that no launcher started is one rank alone. The thread that calls this must also call all operations.
///
/// # Errors
/// No library is there, it cannot be used, or it does not belong to the launcher.
#[cfg(unix)]
pub fn join(library: Option<&Path>) -> Result<Box<dyn Collectives>, CollectivesError> {
    use crate::launcher::Launcher;

    let launcher = Launcher::find(|name| std::env::var(name).ok())?;
    let loaded = match library {
        Some(path) => native::Loaded::open(path)?,
        None => first_that_loads(&launcher)?,
    };
    let ranks = loaded.start()?;
    log::debug!("{}", ranks.describe());
    launcher.require(ranks.size(), || ranks.describe())?;
    require_sums(&*ranks)?;
    Ok(ranks)
}

/// Joins the processes that the launcher started.
///
/// # Errors
/// Always [`CollectivesError::Unsupported`] on this system.
#[cfg(not(unix))]
pub fn join(_library: Option<&Path>) -> Result<Box<dyn Collectives>, CollectivesError> {
    Err(CollectivesError::Unsupported)
}

/// The first library that is there and can be used.
#[cfg(unix)]
fn first_that_loads(launcher: &crate::launcher::Launcher) -> Result<native::Loaded, CollectivesError> {
    let candidates = crate::search::candidates(launcher.family);
    let opened = first_that_opens(candidates, native::Loaded::open)?;
    opened.ok_or_else(|| {
        let names = crate::search::names(launcher.family).into_iter();
        CollectivesError::NotFound {
            names: names.map(str::to_owned).collect(),
        }
    })
}

/// The first of the candidates that `open` opens; `None` if none is there.
///
/// # Errors
/// Why the first one that is there cannot be used.
#[cfg(unix)]
fn first_that_opens<T>(
    candidates: Vec<PathBuf>,
    open: impl Fn(&Path) -> Result<T, CollectivesError>,
) -> Result<Option<T>, CollectivesError> {
    let mut refused = None;
    for path in candidates {
        match open(&path) {
            Ok(opened) => return Ok(Some(opened)),
            Err(error) => {
                log::debug!("{error}");
                // The loader's names are often missing, which says nothing. One that was loaded is there.
                let is_there = !matches!(error, CollectivesError::NotLoaded { .. });
                if is_there || mbn_library::is_file_path(&path) {
                    refused = refused.or(Some(error));
                }
            }
        }
    }
    refused.map_or(Ok(None), Err)
}

/// Adds up what is known: a library with another interface than expected must not go unnoticed.
#[cfg(unix)]
fn require_sums(ranks: &dyn Collectives) -> Result<(), CollectivesError> {
    let (mut floats, mut counts) = ([1.0], [1.0]);
    ranks.sum(&mut floats)?;
    ranks.sum_f64(&mut counts)?;
    for found in [f64::from(floats[0]), counts[0]] {
        if found != ranks.size() as f64 {
            return Err(CollectivesError::WrongSum {
                library: ranks.describe(),
                size: ranks.size(),
                found,
            });
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_first_library_that_is_there_says_why_none_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("libmpi.so.40");
        std::fs::write(&broken, "a text").unwrap();
        let unknown = PathBuf::from("libmpi_abi.so.0");
        let absent = PathBuf::from("libmpi.so.12");
        // The system has one of the names, whose interface is not known.
        let open = |path: &Path| match path == unknown {
            true => Err::<(), _>(CollectivesError::UnknownAbi {
                path: path.to_owned(),
                version: "MPI of tomorrow".to_owned(),
            }),
            false => Err(CollectivesError::NotLoaded {
                path: path.to_owned(),
                reason: format!("cannot open {}", path.display()),
            }),
        };
        let message = |candidates: &[&PathBuf]| {
            let candidates = candidates.iter().map(|path| (*path).clone()).collect();
            first_that_opens(candidates, open).map_err(|error| error.to_string())
        };
        assert_eq!(message(&[]), Ok(None));
        assert_eq!(message(&[&absent, &absent]), Ok(None));
        for candidates in [[&absent, &unknown], [&unknown, &broken]] {
            let error = message(&candidates).unwrap_err();
            assert!(error.contains("MPI of tomorrow"), "{error}");
        }
        let error = message(&[&absent, &broken, &unknown]).unwrap_err();
        assert!(error.contains(&*broken.to_string_lossy()), "{error}");
    }
}
