//! Fetches one file: asks for its ETag, downloads the content unless it is there, verifies it, and links it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::cache::{Cache, create_parent};
use super::client::{Client, Head};
use super::{Hub, HubError, HubName, OnHubProgress, ticking};
use crate::transfer::{End, GivenUp, Refusal, Size, Tick, length, persevere, take};

/// Bytes hashed at a time.
const CHUNK: usize = 1 << 20;

/// The place of a file of a commit in the cache, and whether it was downloaded.
pub(super) fn get(
    hub: &Hub,
    client: &Client,
    cache: &Cache,
    name: &HubName,
    on_progress: &mut OnHubProgress,
) -> Result<(PathBuf, bool), HubError> {
    let (commit, file) = (name.revision(), name.file().unwrap_or_default());
    let path = cache.snapshot(commit, file);
    if path.is_file() {
        return Ok((path, false));
    }
    let mut tick = ticking(file, on_progress);
    let head = client.head(name, &mut tick)?;
    if head.size.is_some_and(|size| size > hub.max_bytes) {
        return Err(too_large(hub, name, head.size));
    }
    let blob = cache.blob(&head.etag);
    let lock = cache.lock(&head.etag, &mut tick)?;
    let missing = !blob.is_file();
    if missing {
        download(hub, client, cache, name, &head, &mut tick)?;
    }
    let path = cache.link(commit, file, &head.etag)?;
    drop(lock);
    Ok((path, missing))
}

/// The error for a file of `found` bytes, or of more than the limit.
fn too_large(hub: &Hub, name: &HubName, found: Option<u64>) -> HubError {
    let (name, limit) = (name.clone(), hub.max_bytes);
    HubError::TooLarge { name, found, limit }
}

fn download(
    hub: &Hub,
    client: &Client,
    cache: &Cache,
    name: &HubName,
    head: &Head,
    tick: &mut Tick,
) -> Result<(), HubError> {
    let part = cache.part(&head.etag);
    let disk = |error| HubError::disk(&part, error);
    create_parent(&part).map_err(disk)?;
    // More bytes than the file has, or may have, are none of its. With neither a length nor a checksum, nothing would notice that some
    // are wrong.
    let is_longer = length(&part).map_err(disk)? > head.size.unwrap_or(hub.max_bytes);
    let is_suspect = is_longer || (head.size.is_none() && !has_sum(head) && part.is_file());
    if is_suspect {
        std::fs::remove_file(&part).map_err(disk)?;
    }
    let finished = |have| head.size == Some(have) && part.is_file();
    let mut limited = |done, total: Option<u64>| tick(done, total.or(head.size));
    let downloaded = persevere(&part, hub.attempts, hub.pause, &mut limited, |have, tick| {
        if finished(have) {
            return Ok(());
        }
        let response = client.open(name, &head.etag, have, tick)?;
        let size = Size {
            expected: head.size,
            most: hub.max_bytes,
        };
        take(response, &part, have, size, tick, |refusal| match refusal {
            Refusal::Status(status, headers) => client.refusal(name, status, headers),
            Refusal::TooLarge(found) => too_large(hub, name, found),
        })
    });
    downloaded.map_err(|GivenUp { end, done, attempts }| match end {
        End::Fatal(error) => error,
        End::Stopped(_) => HubError::Interrupted,
        End::Disk(error) => disk(error),
        End::Broken(source) => HubError::Broken {
            name: name.clone(),
            done,
            attempts,
            source,
        },
    })?;
    verify(name, &part, head, tick)?;
    let blob = cache.blob(&head.etag);
    std::fs::rename(&part, &blob).map_err(|error| HubError::disk(&blob, error))
}

/// Whether the name of the content is its SHA-256.
fn has_sum(head: &Head) -> bool {
    head.etag.len() == 64
}

/// Compares the content with its size, and with its SHA-256 where that is its name. A wrong one is removed.
fn verify(name: &HubName, part: &Path, head: &Head, tick: &mut Tick) -> Result<(), HubError> {
    let disk = |error| HubError::disk(part, error);
    let found = length(part).map_err(disk)?;
    if let Some(expected) = head.size.filter(|size| *size != found) {
        std::fs::remove_file(part).map_err(disk)?;
        return Err(HubError::Broken {
            name: name.clone(),
            done: 0,
            attempts: 1,
            source: format!("the server sent {found} bytes, expected {expected}").into(),
        });
    }
    if !has_sum(head) {
        return Ok(());
    }
    let mut file = File::open(part).map_err(disk)?;
    let mut sum = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).map_err(disk)? {
            0 => break,
            bytes => sum.update(&chunk[..bytes]),
        }
        if tick(found, Some(found)).is_break() {
            return Err(HubError::Interrupted);
        }
    }
    let sum: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if sum.eq_ignore_ascii_case(&head.etag) {
        return Ok(());
    }
    std::fs::remove_file(part).map_err(disk)?;
    Err(HubError::Hash {
        name: name.clone(),
        found: sum,
        expected: head.etag.clone(),
    })
}
