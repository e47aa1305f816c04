//! MPI, whose library is loaded at run time.

#[cfg(unix)]
mod abi;
#[cfg(unix)]
mod native;

use std::path::Path;

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
    let mut refused = None;
    for path in crate::search::candidates(launcher.family) {
        match native::Loaded::open(&path) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => {
                log::debug!("{error}");
                // The loader's names are often missing, which says nothing.
                if path.is_absolute() {
                    refused = refused.or(Some(error));
                }
            }
        }
    }
    let names = crate::search::names(launcher.family)
        .into_iter()
        .map(str::to_owned);
    Err(refused.unwrap_or_else(|| CollectivesError::NotFound {
        names: names.collect(),
    }))
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
