//! Unpacks the required and optional files into a temporary folder, which gets its name at the end.
//!
//! A path in the archive is never used to write: a member is written under the name from the list. A member that would
//! write elsewhere is no accident; the whole archive is refused.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use mbn_files::{AtomicFolder, folder_of};
use tar::{Entry, EntryType};

use crate::verify::Watched;
use crate::{Archive, FetchError, OnProgress, Step};

/// Largest file that is unpacked, in bytes. The largest in STL-10 has 221 million.
const LARGEST: u64 = 1 << 30;
/// Compressed bytes read at a time.
const CHUNK: usize = 256 << 10;

/// The first required file that the folder lacks.
pub(crate) fn missing(archive: &Archive, folder: &Path) -> Option<&'static str> {
    let mut required = archive.required.iter();
    required.find(|name| !folder.join(name).is_file()).copied()
}

/// Unpacks the archive's folder to `target`, which must not exist.
pub(crate) fn unpack(
    archive: &Archive,
    path: &Path,
    target: &Path,
    on_progress: &mut OnProgress,
) -> Result<(), FetchError> {
    let folder = AtomicFolder::create(target).map_err(|error| FetchError::disk(folder_of(target), error))?;
    let mut watched =
        Watched::open(path, Step::Unpack, on_progress).map_err(|error| FetchError::disk(path, error))?;
    let result = members(archive, path, &mut watched, folder.temporary_path());
    if watched.stopped {
        return Err(FetchError::Interrupted);
    }
    result?;
    if let Some(member) = missing(archive, folder.temporary_path()) {
        let member = format!("{}/{member}", archive.folder);
        return Err(FetchError::MissingMember { member });
    }
    folder.commit().map_err(|error| FetchError::disk(target, error))
}

/// Writes the listed members into `folder`.
fn members(archive: &Archive, path: &Path, reader: &mut impl Read, folder: &Path) -> Result<(), FetchError> {
    let malformed = |source| FetchError::Malformed {
        path: path.to_owned(),
        source,
    };
    let decoder = MultiGzDecoder::new(BufReader::with_capacity(CHUNK, reader));
    let mut tar = tar::Archive::new(decoder);
    for entry in tar.entries().map_err(malformed)? {
        let mut entry = entry.map_err(malformed)?;
        let Some(name) = wanted(archive, &entry)? else {
            continue;
        };
        let out = folder.join(name);
        let disk = |error| FetchError::disk(&out, error);
        let mut file = match File::create_new(&out) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(dangerous(&entry, "twice"));
            }
            created => created.map_err(disk)?,
        };
        copy(&mut entry, &mut file, malformed, disk)?;
    }
    Ok(())
}

/// The name under which to write a member; `None` if it is not listed.
fn wanted(archive: &Archive, entry: &Entry<impl Read>) -> Result<Option<&'static str>, FetchError> {
    let bytes = entry.path_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let path = Path::new(text.as_ref());
    let inside = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.components().all(inside) {
        return Err(dangerous(entry, "which is outside its folder"));
    }
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => {}
        EntryType::Directory => return Ok(None),
        _ => return Err(dangerous(entry, "which is a link or a device, expected a file")),
    }
    let path = path.strip_prefix(".").unwrap_or(path);
    let name = path.strip_prefix(archive.folder).ok().and_then(Path::to_str);
    let member = name.and_then(|name| archive.member(name));
    if member.is_some() && entry.size() > LARGEST {
        return Err(dangerous(entry, "which is larger than a gigabyte"));
    }
    Ok(member)
}

fn dangerous(entry: &Entry<impl Read>, problem: &'static str) -> FetchError {
    FetchError::Dangerous {
        member: String::from_utf8_lossy(&entry.path_bytes()).into_owned(),
        problem,
    }
}

/// Copies a member, and tells failures of the archive from failures of the disk.
fn copy(
    from: &mut impl Read,
    to: &mut impl io::Write,
    malformed: impl Fn(io::Error) -> FetchError,
    disk: impl Fn(io::Error) -> FetchError,
) -> Result<(), FetchError> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).map_err(&malformed)? {
            0 => return Ok(()),
            bytes => to.write_all(&chunk[..bytes]).map_err(&disk)?,
        }
    }
}
