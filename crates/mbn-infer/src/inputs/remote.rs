//! Inputs in cloud storage and on web servers. Only programs built with the feature `cloud` read them; others say so.

#[cfg(feature = "cloud")]
mod objects;
#[cfg(not(feature = "cloud"))]
mod without;

use std::path::Path;

#[cfg(feature = "cloud")]
pub use objects::{Content, Download};
#[cfg(feature = "cloud")]
pub(super) use objects::{Objects, Remote};
#[cfg(not(feature = "cloud"))]
pub use without::{Content, Download};
#[cfg(not(feature = "cloud"))]
pub(super) use without::{Objects, Remote};

/// What the URLs of inputs begin with.
const SCHEMES: [&str; 5] = ["s3://", "gs://", "az://", "http://", "https://"];

/// Whether a path is the URL of an input.
pub(super) fn is_url(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    SCHEMES.iter().any(|scheme| path.starts_with(scheme.as_bytes()))
}
