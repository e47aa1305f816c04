//! Finds and starts the library.

use std::mem::ManuallyDrop;
use std::path::{self, Path, PathBuf};
use std::ptr;

use libloading::Library;
use mbn_library::first_that_loads;

use crate::calls::Calls;
use crate::error::HeifError;
use crate::outcome::text;

/// Names under which systems have the library, the usual one first.
const NAMES: &[&str] = if cfg!(target_os = "macos") {
    // Homebrew's folders are not searched by the loader.
    &[
        "libheif.1.dylib",
        "/opt/homebrew/lib/libheif.1.dylib",
        "/usr/local/lib/libheif.1.dylib",
    ]
} else if cfg!(windows) {
    &["heif.dll", "libheif.dll"]
} else {
    &["libheif.so.1"]
};

/// libheif.
#[derive(Debug)]
pub struct Heif {
    pub(crate) calls: Calls,
    version: String,
}

impl Heif {
    /// Loads the library in the file `named`, or else the one that the system has. It stays loaded.
    ///
    /// # Errors
    /// [`HeifError::NotLoaded`], [`HeifError::NotFound`], [`HeifError::NotHeif`], [`HeifError::NotStarted`].
    pub fn load(named: Option<&Path>) -> Result<Self, HeifError> {
        if let Some(named) = named {
            // The loader would look for a bare name among the system's libraries alone.
            let path = match named.is_file() {
                true => path::absolute(named).unwrap_or_else(|_| named.to_owned()),
                false => named.to_owned(),
            };
            let library = open(&path).map_err(|reason| HeifError::NotLoaded {
                path: named.to_owned(),
                reason,
            })?;
            return Self::start(library, named);
        }
        let (path, library) = find(NAMES)?;
        Self::start(library, &path)
    }

    fn start(library: Library, path: &Path) -> Result<Self, HeifError> {
        // Its decoders may have threads and values that live until the process ends.
        let library = ManuallyDrop::new(library);
        let calls = Calls::find(&library, path)?;
        if let Some(init) = calls.init {
            // SAFETY: the function takes a pointer that may be null.
            let outcome = unsafe { init(ptr::null_mut()) };
            if !outcome.is_ok() {
                return Err(HeifError::NotStarted {
                    path: path.to_owned(),
                    reason: outcome.text(),
                });
            }
        }
        // SAFETY: the function takes nothing and gives a constant text.
        let version = unsafe { text((calls.version)()) };
        log::debug!("libheif {version} from `{}`", path.display());
        Ok(Self { calls, version })
    }

    /// The library's version, such as `1.15.1`.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// The first library of these names that loads.
fn find(names: &[&str]) -> Result<(PathBuf, Library), HeifError> {
    let names = names.iter().map(PathBuf::from);
    first_that_loads(names, open).map_err(|error| match error.is_file {
        // It is installed: the reason, such as another processor's code, matters.
        true => HeifError::NotLoaded {
            path: error.path,
            reason: error.reason,
        },
        false => HeifError::NotFound { reason: error.reason },
    })
}

fn open(path: &Path) -> Result<Library, String> {
    // SAFETY: a library may run code when it is loaded. This one is the system's libheif or one that the user named, and its
    // initialisers only register decoders.
    let library = unsafe { Library::new(path) };
    library.map_err(|error| mbn_library::reason(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_library_that_is_there_and_does_not_load_is_the_reason_given() {
        let absent = "libmbn-none.so.1";
        let error = find(&[absent, "/mbn-none/libmbn-none.so.1"]).unwrap_err();
        assert!(
            matches!(&error, HeifError::NotFound { reason } if reason.starts_with(absent)),
            "{error}"
        );
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join(absent);
        std::fs::write(&broken, b"a text").unwrap();
        let error = find(&[absent, broken.to_str().unwrap()]).unwrap_err();
        assert!(
            matches!(&error, HeifError::NotLoaded { path, reason } if *path == broken && !reason.contains("cannot open")),
            "{error}"
        );
    }
}
