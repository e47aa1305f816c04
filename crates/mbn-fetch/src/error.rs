//! What can go wrong, and what to do then.

use std::io;
use std::path::{Path, PathBuf};

/// A data set that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The folder is there, but not all of it.
    #[error("`{}` is there already but has no `{missing}`; move it away and try again", target.display())]
    Incomplete {
        /// The folder.
        target: PathBuf,
        /// A file that it lacks.
        missing: &'static str,
    },
    /// The server cannot be reached or does not speak HTTP.
    #[error("`{url}` cannot be downloaded; check the address and the network")]
    Connect {
        /// The address.
        url: String,
        /// Why not.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The server refuses.
    #[error("the server answered {status} for `{url}`, expected the archive; check the address")]
    Status {
        /// The address.
        url: String,
        /// HTTP status code.
        status: u16,
    },
    /// The connection broke, again and again.
    #[error(
        "the download of `{url}` broke off after {done} bytes, at each of {attempts} attempts; try again later, it goes on from there"
    )]
    Broken {
        /// The address.
        url: String,
        /// Bytes that came.
        done: u64,
        /// Number of attempts without any progress.
        attempts: u32,
        /// Why the last attempt failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is not the one that is expected.
    #[error(
        "the download of `{url}` has MD5 {found}, expected {expected}; it was removed: try again, or check the address"
    )]
    Checksum {
        /// The address.
        url: String,
        /// The sum found.
        found: String,
        /// The sum expected.
        expected: String,
    },
    /// The disk is full.
    #[error("the disk is full, writing `{}`; free some space and try again, a download goes on where it stopped", path.display())]
    DiskFull {
        /// What was written.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The archive cannot be decompressed.
    #[error("the archive `{}` cannot be unpacked; remove it and try again", path.display())]
    Malformed {
        /// The archive.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The archive would write where it must not.
    #[error("the archive holds `{member}`, {problem}; nothing was unpacked")]
    Dangerous {
        /// The member's name.
        member: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The archive lacks a file.
    #[error("the archive has no `{member}`; nothing was unpacked")]
    MissingMember {
        /// The file's name.
        member: String,
    },
    /// The caller stopped it.
    #[error("interrupted; a download goes on where it stopped")]
    Interrupted,
}

impl FetchError {
    pub(crate) fn disk(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Disk { path, source },
        }
    }
}
