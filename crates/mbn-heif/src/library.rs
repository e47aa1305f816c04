//! Finds and starts the library.

use std::mem::ManuallyDrop;
use std::path::{self, Path, PathBuf};
use std::ptr;

use libloading::Library;

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
        let mut first = None;
        for name in NAMES.iter().map(PathBuf::from) {
            match open(&name) {
                Ok(library) => return Self::start(library, &name),
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        let reason = first.unwrap_or_default();
        Err(HeifError::NotFound { reason })
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

fn open(path: &Path) -> Result<Library, String> {
    // SAFETY: a library may run code when it is loaded. This one is the system's libheif or one that the user named, and its
    // initialisers only register decoders.
    let library = unsafe { Library::new(path) };
    library.map_err(|error| {
        let source = std::error::Error::source(&error);
        source.map_or_else(|| error.to_string(), ToString::to_string)
    })
}
