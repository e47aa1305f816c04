//! Errors of the Hub and its cache.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use super::HubName;
use crate::trust::is_of_certificate;

/// Files that a message lists before it counts the others.
const NAMED: usize = 8;

/// A file that cannot be fetched from the Hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// There is no folder for the cache.
    #[error("no folder is known for the Hub's cache: neither `HF_HOME` nor a home folder is set")]
    NoHome,
    /// The token cannot be sent.
    #[error("the Hub's token holds characters that no token has")]
    Token,
    /// The file of the token is too large for one.
    #[error("the file `{}` of the Hub's token has more than {limit} bytes", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        limit: u64,
    },
    /// Only the cache may be used, and it lacks the file.
    #[error("`{name}` is not in the cache `{}`, and `HF_HUB_OFFLINE` forbids to fetch it", folder.display())]
    Offline {
        /// The file.
        name: HubName,
        /// The repository's folder in the cache.
        folder: PathBuf,
    },
    /// The server cannot be reached or does not speak HTTP.
    #[error("cannot reach `{url}`")]
    Connect {
        /// The address.
        url: String,
        /// The reason.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server answers with a status that says nothing about the repository.
    #[error("the server answered {status} for `{url}`{}", explained(.message.as_deref()))]
    Status {
        /// The address.
        url: String,
        /// HTTP status code.
        status: u16,
        /// The server's explanation.
        message: Option<String>,
    },
    /// The owner of the repository decides who may fetch it.
    #[error("access to `{repository}` is granted by its owner, {}", match with_token {
        true => "and was not granted to the account of this token",
        false => "and no token was sent",
    })]
    Gated {
        /// `OWNER/NAME`.
        repository: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// There is no such repository, or it is private.
    #[error("there is no repository `{repository}` on `{endpoint}`, or it is private and {}", match with_token {
        true => "this token does not open it",
        false => "no token was sent",
    })]
    NoRepository {
        /// `OWNER/NAME`.
        repository: String,
        /// The Hub's address.
        endpoint: String,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// The token is not the Hub's.
    #[error("`{endpoint}` does not accept the token{}", explained(.message.as_deref()))]
    Refused {
        /// The Hub's address.
        endpoint: String,
        /// The server's explanation.
        message: Option<String>,
    },
    /// The repository has no such branch, tag or commit.
    #[error("the repository `{}` has no revision `{}`", .0.repository(), .0.revision())]
    NoRevision(HubName),
    /// The repository has no such file.
    #[error("`{}` at `{}` has no file `{}`; it has {}", name.repository(), name.revision(), name.file().unwrap_or_default(), listed(files))]
    NoFile {
        /// The file.
        name: HubName,
        /// Files that are there.
        files: Vec<String>,
    },
    /// The repository has several files that could be meant.
    #[error("`{}` has several files that could be meant: {}", name.repository(), listed(files))]
    Ambiguous {
        /// The repository.
        name: HubName,
        /// The files.
        files: Vec<String>,
    },
    /// No file is named, and the cache has none that would be taken whatever else the repository has.
    #[error(
        "`{name}` names no file, and only the Hub can tell which is meant; the cache has {}",
        listed(files)
    )]
    Unnamed {
        /// The repository.
        name: HubName,
        /// Files in the cache that could be meant.
        files: Vec<String>,
    },
    /// The repository has no file that could be meant.
    #[error("`{}` at `{}` has no weights that can be read; it has {}", name.repository(), name.revision(), listed(files))]
    NoWeights {
        /// The repository.
        name: HubName,
        /// Its files.
        files: Vec<String>,
    },
    /// The server does not answer as the Hub does.
    #[error("`{url}` does not answer as the Hub does: {problem}")]
    Malformed {
        /// The address.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// The file is larger than any that is used.
    #[error("`{name}` has {} bytes, more than any MobileNetV1 (limit {limit})", counted(*found, *limit))]
    TooLarge {
        /// The file.
        name: HubName,
        /// Its bytes. If the server does not say it, there are more than the limit.
        found: Option<u64>,
        /// The most bytes that are fetched.
        limit: u64,
    },
    /// The connection broke again and again.
    #[error(
        "the download of `{name}` broke off after {done} bytes, {attempts} times in a row; the next attempt resumes there"
    )]
    Broken {
        /// The file.
        name: HubName,
        /// Bytes downloaded.
        done: u64,
        /// Number of attempts without progress.
        attempts: u32,
        /// Why the last attempt failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The content is not what the Hub says it is.
    #[error("the download of `{name}` has SHA-256 {found}, expected {expected}, and was removed; try again")]
    Hash {
        /// The file.
        name: HubName,
        /// The hash found.
        found: String,
        /// The hash expected.
        expected: String,
    },
    /// The disk is full.
    #[error("the disk is full, cannot write `{}`; free some space and try again to resume", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// A file of the cache cannot be read or written.
    #[error("cannot read or write `{}`", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The caller asked to stop.
    #[error("interrupted; the next attempt resumes the download")]
    Interrupted,
}

impl HubError {
    pub(super) fn disk(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Disk { path, source },
        }
    }

    /// Whether nobody that this system trusts vouches for the server.
    pub fn is_of_certificate(&self) -> bool {
        matches!(self, Self::Connect { source, .. } if is_of_certificate(source.as_ref()))
    }

    /// Whether the Hub could not answer, so that the cache is the best there is.
    pub(super) fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}

/// The number of bytes of a file that has more than `limit`.
pub(crate) fn counted(found: Option<u64>, limit: u64) -> String {
    found.map_or_else(|| format!("more than {limit}"), |found| found.to_string())
}

fn explained(message: Option<&str>) -> String {
    message.map_or(String::new(), |message| format!(": {message}"))
}

fn listed(files: &[String]) -> String {
    let shown: Vec<_> = files.iter().take(NAMED).map(|file| format!("`{file}`")).collect();
    match files.len().saturating_sub(NAMED) {
        _ if files.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
