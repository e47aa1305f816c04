//! libheif, if a program has loaded it.

use std::path::Path;
use std::sync::OnceLock;

use mbn_heif::{Heif, HeifError};

/// libheif, once it is loaded.
static LIBRARY: OnceLock<Heif> = OnceLock::new();

/// Loads libheif, in the file `named` or else the one that the system has, so that this process reads HEIC and AVIF from now on:
/// folders are searched for such files too. Returns the library's version. What is loaded stays loaded; later calls change nothing.
///
/// Without it, such files are named and refused, and left out of folders. It is not loaded unasked, because then a folder's pictures,
/// and their numbers among shards, would depend on what a machine has installed.
///
/// # Errors
/// [`HeifError`]: there is no such library, or it is another one.
pub fn read_heif(named: Option<&Path>) -> Result<&'static str, HeifError> {
    if LIBRARY.get().is_none() {
        let library = Heif::load(named)?;
        // Another thread may have been faster.
        let _ = LIBRARY.set(library);
    }
    Ok(LIBRARY.get().map_or("", Heif::version))
}

/// Whether HEIC and AVIF are read.
pub(crate) fn is_read() -> bool {
    LIBRARY.get().is_some()
}

/// The library, if it is loaded.
pub(super) fn library() -> Option<&'static Heif> {
    LIBRARY.get()
}
