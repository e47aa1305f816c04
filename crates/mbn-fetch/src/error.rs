//! Errors of a download, each with advice where there is any.

use std::io;
use std::path::{Path, PathBuf};

use crate::hub::{counted, server};
use crate::transfer::cause_at_proxy;
use crate::trust::{UNTRUSTED, is_of_certificate};

/// A data set that cannot be downloaded or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The folder exists, but lacks a file.
    #[error("`{}` already exists but has no `{missing}`; move it away and try again", target.display())]
    Incomplete {
        /// The folder.
        target: PathBuf,
        /// A file that it lacks.
        missing: &'static str,
    },
    /// The server cannot be reached or does not speak HTTP.
    #[error("cannot download `{url}`; {}", match is_of_certificate(source.as_ref()) {
        true => UNTRUSTED,
        false => "check the address and the network",
    })]
    Connect {
        /// The address.
        url: String,
        /// The reason.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The proxy refuses, or none can be used.
    #[error(
        "cannot download `{url}` through a proxy; it must allow `CONNECT` to `{server}`: check `HTTP_PROXY`, `HTTPS_PROXY` and \
         `ALL_PROXY`, name the server in `NO_PROXY`, or take another address (`--download-url`)"
    )]
    Proxy {
        /// The address.
        url: String,
        /// The server that the proxy was to connect to, `HOST:PORT`.
        server: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refuses.
    #[error("the server answered {status} for `{url}`, expected the archive; check the address")]
    Status {
        /// The address.
        url: String,
        /// HTTP status code.
        status: u16,
    },
    /// The file is larger than any archive that is expected.
    #[error("`{url}` has {} bytes, the limit is {limit}; check the address", counted(*found, *limit))]
    TooLarge {
        /// The address.
        url: String,
        /// Its bytes. If the server does not say it, there are more than the limit.
        found: Option<u64>,
        /// The most bytes that are downloaded.
        limit: u64,
    },
    /// The connection broke again and again.
    #[error(
        "the download of `{url}` broke off after {done} bytes, {attempts} times in a row; try again later to resume it there"
    )]
    Broken {
        /// The address.
        url: String,
        /// Bytes downloaded.
        done: u64,
        /// Number of attempts without progress.
        attempts: u32,
        /// Why the last attempt failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file has another checksum than expected.
    #[error(
        "the download of `{url}` has MD5 {found}, expected {expected}, and was removed; try again, or check the address"
    )]
    Checksum {
        /// The address.
        url: String,
        /// The checksum found.
        found: String,
        /// The checksum expected.
        expected: String,
    },
    /// The disk is full.
    #[error("the disk is full, cannot write `{}`; free some space and try again to resume", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot read or write `{}`", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The archive cannot be decompressed.
    #[error("cannot unpack the archive `{}`; remove it and try again", path.display())]
    Malformed {
        /// The archive.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The archive would write outside its folder, or more than a file may hold.
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
    /// The caller asked to stop.
    #[error("interrupted; the next attempt resumes the download")]
    Interrupted,
}

impl FetchError {
    /// The error for the archive at `url` if the request to `place`, where it is, fails.
    pub(crate) fn connect(url: &str, place: &str, error: ureq::Error) -> Self {
        let url = url.to_owned();
        let server =
            server(place).map_or_else(|| place.to_owned(), |(_, host, port)| format!("{host}:{port}"));
        match cause_at_proxy(error) {
            Ok(source) => Self::Proxy { url, server, source },
            Err(error) => Self::Connect {
                url,
                source: Box::new(error),
            },
        }
    }

    pub(crate) fn disk(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Disk { path, source },
        }
    }
}
