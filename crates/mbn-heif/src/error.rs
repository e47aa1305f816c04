//! What can go wrong.

use std::path::PathBuf;

/// The library cannot be used, or a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeifError {
    /// A library was named, or is where systems have it, and cannot be loaded.
    #[error("`{}` cannot be loaded: {reason}", path.display())]
    NotLoaded {
        /// The library.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// The system's loader finds no library of this name.
    #[error("libheif is not installed: {reason}")]
    NotFound {
        /// The loader's words about the usual name.
        reason: String,
    },
    /// The library lacks a function that is needed.
    #[error("`{}` is not libheif 1.10 or newer: it has no `{function}`", path.display())]
    NotHeif {
        /// The library.
        path: PathBuf,
        /// The first function that is missing.
        function: &'static str,
    },
    /// The library does not start.
    #[error("libheif in `{}` does not start: {reason}", path.display())]
    NotStarted {
        /// The library.
        path: PathBuf,
        /// libheif's words.
        reason: String,
    },
    /// libheif cannot read a file.
    #[error("{reason}")]
    File {
        /// What kind of problem it is.
        problem: Problem,
        /// What is wrong, in libheif's words or ours.
        reason: String,
    },
}

/// Why libheif cannot read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file ends too early.
    Truncated,
    /// The file is damaged, or breaks the rules of its format.
    Malformed,
    /// The file has a form that libheif does not read.
    Unsupported,
    /// This libheif was built, or installed, without a decoder for the file's pixels.
    NoDecoder,
    /// The picture takes more memory than libheif allows itself, or than there is.
    Memory,
}
