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
        reason: mbn_library::reason(&error),
    })
}
