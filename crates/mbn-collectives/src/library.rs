//! Libraries that are loaded at run time.

use std::path::Path;

use libloading::Library;

use crate::CollectivesError;

/// Loads a library by its path, or by the name that the system's loader looks for.
///
/// # Errors
/// [`CollectivesError::NotLoaded`]
pub(crate) fn open(
    path: &Path,
    load: impl FnOnce(&Path) -> Result<Library, libloading::Error>,
) -> Result<Library, CollectivesError> {
    load(path).map_err(|error| CollectivesError::NotLoaded {
        path: path.to_owned(),
        reason: loader_message(&error),
    })
}

/// A function or the address of a variable, if the library has it.
///
/// # Safety
/// `T` must be the type of the function, or a pointer for a variable, and must not be used after the library is unloaded.
pub(crate) unsafe fn symbol<T: Copy>(library: &Library, name: &str) -> Option<T> {
    // SAFETY: as the caller says.
    unsafe { library.get::<T>(name.as_bytes()) }
        .map(|found| *found)
        .ok()
}

/// The loader's own words, without libloading's prefix.
fn loader_message(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}
