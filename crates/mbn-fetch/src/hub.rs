//! Fetches the weights of a repository on the Hugging Face Hub into the cache that its Python library uses, so that either
//! finds what the other fetched:
//!
//! ```text
//! CACHE/models--OWNER--NAME/refs/main               the commit that `main` was at
//! CACHE/models--OWNER--NAME/snapshots/COMMIT/FILE   a link to the blob
//! CACHE/models--OWNER--NAME/blobs/ETAG              the content, once for all commits
//! CACHE/models--OWNER--NAME/.no_exist/COMMIT/FILE   a file that the commit does not have
//! CACHE/.locks/models--OWNER--NAME/ETAG.lock        held by the process that fetches the blob
//! ```
//!
//! The files that say how the weights are used are fetched into the same snapshot, among them `config.json` and
//! `preprocessor_config.json`, and with an ONNX model the file that holds its constants.

mod blob;
mod cache;
mod choice;
mod client;
mod error;
mod name;
mod settings;
mod url;

use std::ops::ControlFlow;
use std::path::PathBuf;

use cache::Cache;
use choice::Known;
pub use choice::Wanted;
use client::Client;
pub use error::HubError;
pub(crate) use error::counted;
pub use name::{HubName, HubNameError};
pub use settings::{Hub, Token};
pub(crate) use url::{redirected, server};

/// What stands beside weights and models and says how they are used.
const BESIDE: [&str; 5] = [
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "labels.txt",
    "synset.txt",
];
/// What every repository of the Hub has and no program needs.
const OF_WHOLE_REPOSITORY: &str = ".gitattributes";
/// The folder that models of this format have on the Hub. What says how they are used stands above it.
const ONNX_FOLDER: &str = "onnx";
/// What exporters add to an ONNX model's name for the file that holds its constants.
const CONSTANTS: [&str; 2] = ["_data", ".data"];

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubProgress<'a> {
    /// The file in its repository; `None` before it is known.
    pub file: Option<&'a str>,
    /// Bytes on the disk.
    pub done: u64,
    /// Bytes of the file, if known.
    pub total: Option<u64>,
}

/// Called several times a second; `Break` stops with [`HubError::Interrupted`].
pub type OnHubProgress<'a> = dyn FnMut(HubProgress<'_>) -> ControlFlow<()> + 'a;

/// A file in the cache.
#[derive(Debug)]
pub struct Fetched {
    /// Where it is. What stands beside it in the repository was fetched as well.
    pub path: PathBuf,
    /// Its full name, with the commit as its revision.
    pub name: HubName,
    /// Whether anything was downloaded.
    pub downloaded: bool,
    /// Why the Hub was not asked, where the revision in the cache may be outdated.
    pub unreachable: Option<HubError>,
    /// Files that say how it is used and that only the cache was asked for, which neither has them nor knows that the repository
    /// lacks them. Without them, what they would say is assumed.
    pub unknown: Vec<String>,
}

/// Fetches the file `name` names, or else the weights or the model of the repository, unless they are in the cache.
/// A named file in the cache is taken without a request if its revision is a full commit, and any if the Hub cannot be
/// reached.
///
/// # Errors
/// [`HubError`] if the file cannot be fetched or the disk fails, or `on_progress` stops it.
pub fn fetch(
    hub: &Hub,
    name: &HubName,
    wanted: Wanted,
    on_progress: &mut OnHubProgress,
) -> Result<Fetched, HubError> {
    let cache = Cache::new(hub, name);
    if hub.offline {
        return cached(&cache, name, wanted)?.ok_or_else(|| HubError::Offline {
            name: name.clone(),
            folder: cache.folder().to_owned(),
        });
    }
    // A commit never changes. Without a name, another file than the cache has may be meant.
    if name.is_pinned()
        && name.file().is_some()
        && let Some(found) = cached(&cache, name, wanted)?
        && found.name.file().is_some_and(|file| {
            let mut others = with(file).into_iter();
            others.all(|other| cache.is_known(name.revision(), &other))
        })
    {
        return Ok(found);
    }
    let client = Client::new(hub);
    let mut tick = |done, total| {
        let file = None;
        on_progress(HubProgress { file, done, total })
    };
    let listing = match client.listing(name, &mut tick) {
        Ok(listing) => listing,
        Err(error) if error.is_unreachable() => {
            return match cached(&cache, name, wanted)? {
                Some(found) => Ok(Fetched {
                    unreachable: Some(error),
                    ..found
                }),
                None => Err(error),
            };
        }
        Err(error) => return Err(error),
    };
    let file = choice::choose(name, wanted, &listing.files, Known::All)?;
    let pinned = name.pinned(&listing.commit, &file);
    let mut downloaded = false;
    for other in with(&file) {
        match listing.files.contains(&other) {
            true => downloaded |= blob::get(hub, &client, &cache, &pinned.with_file(&other), on_progress)?.1,
            false => cache.note_missing(&listing.commit, &other),
        }
    }
    let (path, weights_downloaded) = blob::get(hub, &client, &cache, &pinned, on_progress)?;
    cache.note_revision(name.revision(), &listing.commit);
    Ok(Fetched {
        path,
        name: pinned,
        downloaded: downloaded || weights_downloaded,
        unreachable: None,
        unknown: Vec::new(),
    })
}

/// The file in the cache, if it is there.
fn cached(cache: &Cache, name: &HubName, wanted: Wanted) -> Result<Option<Fetched>, HubError> {
    let Some(commit) = cache.commit(name.revision()) else {
        return Ok(None);
    };
    let files = cache.files(&commit);
    let file = match choice::choose(name, wanted, &files, Known::Some) {
        Ok(file) => file,
        // The repository may have more files than the cache.
        Err(HubError::NoFile { .. } | HubError::NoWeights { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    // Python's library fetches this file with a whole repository alone, and then notes nothing of what is not there.
    let is_whole = files.contains(OF_WHOLE_REPOSITORY);
    let is_unknown = |other: &String| *other != file && !cache.is_known(&commit, other);
    let unknown = match is_whole || is_beside(&file) {
        true => Vec::new(),
        false => beside(&file).into_iter().filter(is_unknown).collect(),
    };
    Ok(Some(Fetched {
        path: cache.snapshot(&commit, &file),
        name: name.pinned(&commit, &file),
        downloaded: false,
        unreachable: None,
        unknown,
    }))
}

/// The files that belong to a file, as far as the repository has them.
fn with(file: &str) -> Vec<String> {
    let mut others = beside(file);
    if file.ends_with(".onnx") {
        others.extend(CONSTANTS.map(|end| format!("{file}{end}")));
    }
    others
}

/// The files that say how a file is used, as far as the repository has them.
fn beside(file: &str) -> Vec<String> {
    let mut folders = vec![file.rsplit_once('/').map_or("", |(folder, _)| folder)];
    match folders[0].rsplit_once('/') {
        Some((above, ONNX_FOLDER)) => folders.push(above),
        None if folders[0] == ONNX_FOLDER => folders.push(""),
        _ => {}
    }
    let inside = |folder: &str, name: &str| match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    };
    let names = |folder: &&str| BESIDE.map(|name| inside(folder, name));
    folders.iter().flat_map(names).collect()
}

/// Whether a file is one of those that say how another is used.
fn is_beside(file: &str) -> bool {
    BESIDE.contains(&file.rsplit('/').next().unwrap_or(file))
}

/// A tick that reports the progress of `file`.
fn ticking<'a>(
    file: &'a str,
    on_progress: &'a mut OnHubProgress,
) -> impl FnMut(u64, Option<u64>) -> ControlFlow<()> + 'a {
    move |done, total| {
        on_progress(HubProgress {
            file: Some(file),
            done,
            total,
        })
    }
}
