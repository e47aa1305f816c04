//! What can be wrong with ONNX Runtime's library.

use std::path::PathBuf;

use super::Version;

/// No library, or one that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No place has a usable library, and the user named none.
    #[error("ONNX Runtime was not found")]
    NotFound,
    /// The user named a file that is not there.
    #[error("ONNX Runtime's library `{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// The user named a folder without one.
    #[error("the folder `{}` has no library of ONNX Runtime", .0.display())]
    NoneInFolder(PathBuf),
    /// The system's loader refuses the file.
    #[error("`{}` cannot be loaded as a library: {reason}", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// A library, but another one.
    #[error("`{}` is not ONNX Runtime: {reason}", path.display())]
    NotOnnxRuntime {
        /// The library.
        path: PathBuf,
        /// What it lacks.
        reason: String,
    },
    /// ONNX Runtime, but too old a version.
    #[error("`{}` is ONNX Runtime {found}, {needed} or newer is needed", path.display())]
    TooOld {
        /// The library.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The oldest version that can be used.
        needed: Version,
    },
    /// Another library is in use by this process already.
    #[error("`{}` cannot be used: ONNX Runtime is loaded from `{}`", path.display(), loaded.display())]
    SecondLibrary {
        /// The library asked for.
        path: PathBuf,
        /// The library in use.
        loaded: PathBuf,
    },
    /// The thread that searched ended early.
    #[error("the thread that loads ONNX Runtime ended early")]
    Ended,
    /// The library's version is right, but it does not start.
    #[error("ONNX Runtime in `{}` does not start: {reason}", path.display())]
    Start {
        /// The library.
        path: PathBuf,
        /// ONNX Runtime's words.
        reason: String,
    },
}
