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

/// What the URLs of inputs begin with: S3 and Google Cloud Storage by all their names, Azure, and web servers.
const SCHEMES: [&[u8]; 8] = [b"s3", b"s3a", b"s3n", b"gs", b"gcs", b"az", b"http", b"https"];

/// Whether a path is the URL of an input.
pub fn is_url(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    let end = path.windows(3).position(|part| part == b"://");
    end.is_some_and(|end| {
        SCHEMES
            .iter()
            .any(|scheme| scheme.eq_ignore_ascii_case(&path[..end]))
    })
}
