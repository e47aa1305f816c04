//! Pictures in a tar archive, one after another as they come: the archive is never searched, so it may come from a pipe.

mod head;

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use head::{BLOCK, Head, is_header};
use mbn_files::FileKind;

use crate::decode::{DecodeErrorKind, MAX_FILE_BYTES};
use crate::file_kind::FIRST_BYTES;
use crate::input_paths::{CollectError, CollectErrorKind};
use crate::picture_files::{LeftOut, Reason, name_of, normal_parts, reason_by_name};

/// A picture in an archive, or in another file that holds several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The file's path, a slash, and the picture's name in it.
    pub path: PathBuf,
    /// The picture file's content.
    pub bytes: Vec<u8>,
}

/// Reads the pictures of a tar archive. Of its entries it takes those that [`crate::Pictures`] would take of a folder.
pub struct TarPictures<R> {
    content: Blocks<R>,
    /// The archive's own path.
    archive: PathBuf,
    left_out: LeftOut,
    is_over: bool,
    /// Neither a picture nor an error has been found.
    is_empty: bool,
}

struct Blocks<R> {
    inner: R,
    /// The first block, as far as it was read.
    first: Vec<u8>,
    /// A block that was read already, and comes next.
    ahead: Option<Vec<u8>>,
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = match self.ahead.take() {
            Some(mut ahead) => {
                let n = ahead.as_slice().read(into)?;
                ahead.drain(..n);
                self.ahead = Some(ahead).filter(|ahead| !ahead.is_empty());
                n
            }
            None => self.inner.read(into)?,
        };
        let missing = (BLOCK as usize).saturating_sub(self.first.len());
        self.first.extend(into.iter().take(n.min(missing)));
        Ok(n)
    }
}

/// What an entry is.
enum Found {
    Picture(Embedded),
    Failure(CollectError),
    LeftOut(Reason),
    /// None of these, but the archive goes on.
    Nothing,
    /// The archive's end.
    End,
}

impl<R: Read> TarPictures<R> {
    /// Reads the archive `content`, which messages call `archive`.
    pub fn new(content: R, archive: &Path) -> Self {
        Self {
            content: Blocks {
                inner: content,
                first: Vec::new(),
                ahead: None,
            },
            archive: archive.to_owned(),
            left_out: LeftOut::default(),
            is_over: false,
            is_empty: true,
        }
    }

    /// What was left out so far.
    pub fn into_left_out(self) -> LeftOut {
        self.left_out
    }

    /// Reads one entry.
    fn entry(&mut self) -> Result<Found, CollectErrorKind> {
        let Some(head) = Head::read(&mut self.content)? else {
            return self.after_end();
        };
        let padded = head.padded()?;
        let (kind, size) = (head.kind, head.size);
        let name = path_of(&head.name);
        if kind.is_gnu_sparse() {
            let message = format!(
                "its entry `{}` is a sparse file, which is not read, so neither is the rest of the archive; `tar -xf` unpacks it",
                name.display()
            );
            return Err(io::Error::other(message).into());
        }
        let mut content = self.content.by_ref().take(size);
        let mut bytes = Vec::new();
        if kind.is_file() && size <= MAX_FILE_BYTES {
            content.by_ref().take(FIRST_BYTES).read_to_end(&mut bytes)?;
        }
        let mut taken = bytes.len() as u64;
        let mut found = self::found(&self.archive, &name, &head, &bytes);
        if let Found::Picture(picture) = &mut found {
            content.read_to_end(&mut bytes)?;
            taken = bytes.len() as u64;
            picture.bytes = bytes;
        }
        let left = padded - taken;
        let mut rest = self.content.by_ref().take(left);
        match io::copy(&mut rest, &mut io::sink())? {
            skipped if skipped == left => Ok(found),
            _ => Err(CollectErrorKind::ArchiveEnds),
        }
    }
}

impl<R: Read> TarPictures<R> {
    /// What comes after an archive's end: nothing but zeros, or another archive, as `cat a.tar b.tar` and appending writers leave it.
    fn after_end(&mut self) -> Result<Found, CollectErrorKind> {
        loop {
            let mut block = Vec::new();
            self.content.by_ref().take(BLOCK).read_to_end(&mut block)?;
            let is_whole = block.len() == BLOCK as usize;
            if block.iter().all(|byte| *byte == 0) {
                if is_whole {
                    continue;
                }
                return Ok(Found::End);
            }
            if !is_whole || !is_header(&block) {
                self.left_out.add_named(Reason::AfterEnd, name_of(&self.archive));
                return Ok(Found::End);
            }
            self.content.ahead = Some(block);
            return Ok(Found::Nothing);
        }
    }
}

impl<R: Read> Iterator for TarPictures<R> {
    type Item = Result<Embedded, CollectError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            let found = self.entry().unwrap_or_else(|kind| {
                self.is_over = true;
                Found::Failure(
                    of_no_archive(&self.content.first)
                        .unwrap_or(kind)
                        .of(&self.archive),
                )
            });
            let result = match found {
                Found::Picture(picture) => Ok(picture),
                Found::Failure(error) => Err(error),
                Found::LeftOut(reason) => {
                    self.left_out.add(reason);
                    continue;
                }
                Found::Nothing => continue,
                Found::End => {
                    self.is_over = true;
                    if !self.is_empty {
                        return None;
                    }
                    let left_out = self.left_out.clone();
                    Err(CollectErrorKind::NoImagesInArchive(left_out).of(&self.archive))
                }
            };
            self.is_empty = false;
            return Some(result);
        }
        None
    }
}

/// What a file is that begins so and is no archive; `None` if it may be one.
fn of_no_archive(first: &[u8]) -> Option<CollectErrorKind> {
    let is_whole = first.len() == BLOCK as usize;
    if is_whole && is_header(first) {
        return None;
    }
    match FileKind::recognise(first) {
        Some(FileKind::Tar | FileKind::Empty) => None,
        Some(kind) => Some(CollectErrorKind::OtherThanArchive(kind)),
        None => is_whole.then_some(CollectErrorKind::NotAnArchive),
    }
}

/// What an entry is, by its first bytes. A picture gets its content later.
fn found(archive: &Path, name: &Path, head: &Head, bytes: &[u8]) -> Found {
    let kind = head.kind;
    if kind.is_dir() || kind.is_pax_global_extensions() {
        return Found::Nothing;
    }
    let is_link = kind.is_symlink() || kind.is_hard_link();
    let parts: Vec<_> = normal_parts(name).collect();
    if parts.is_empty() {
        return Found::Nothing;
    }
    if let Some(reason) = reason_by_name(name, kind.is_file() || is_link, || bytes.to_vec()) {
        return Found::LeftOut(reason);
    }
    let mut path = OsString::from(archive);
    for part in parts {
        path.push("/");
        path.push(part);
    }
    let path = PathBuf::from(path);
    let failed = |kind| Found::Failure(CollectErrorKind::Picture(kind).of(&path));
    if !kind.is_file() {
        return failed(DecodeErrorKind::NotAFile("a link or no file at all"));
    }
    if head.is_sparse {
        return failed(DecodeErrorKind::NotAFile("a sparse file (`tar -xf` unpacks it)"));
    }
    if head.size > MAX_FILE_BYTES {
        return failed(DecodeErrorKind::TooManyBytes {
            bytes: head.size,
            limit: MAX_FILE_BYTES,
        });
    }
    Found::Picture(Embedded {
        path,
        bytes: Vec::new(),
    })
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests;
