//! Pictures in a tar archive, one after another as they come: the archive is never searched, so it may come from a pipe.

use std::ffi::OsString;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use mbn_files::FileKind;
use tar::{Archive, EntryType, Header};

use crate::decode::{DecodeErrorKind, MAX_FILE_BYTES};
use crate::file_kind::FIRST_BYTES;
use crate::input_paths::{CollectError, CollectErrorKind};
use crate::picture_files::{LeftOut, Reason, name_of, normal_parts, reason_by_name};

/// Archives consist of blocks of this many bytes.
const BLOCK: u64 = 512;

/// Where the checksum is in a header. It is the sum of all bytes, with spaces in its own place.
const CHECKSUM: Range<usize> = 148..156;

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
    content: Counted<R>,
    /// The archive's own path.
    archive: PathBuf,
    left_out: LeftOut,
    is_over: bool,
    /// Neither a picture nor an error has been found.
    is_empty: bool,
}

struct Counted<R> {
    inner: R,
    read: u64,
    /// The first block, as far as it was read.
    first: Vec<u8>,
    /// A block that was read already, and comes next.
    ahead: Option<Vec<u8>>,
}

impl<R: Read> Read for Counted<R> {
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
        self.read += n as u64;
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
            content: Counted {
                inner: content,
                read: 0,
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

    /// Reads one entry. Each has a reader of its own, which begins where the last entry ended.
    fn entry(&mut self) -> Result<Found, CollectErrorKind> {
        let start = self.content.read;
        let mut archive = Archive::new(&mut self.content);
        let mut entries = archive.entries()?;
        let Some(entry) = entries.next() else {
            // A whole archive ends in blocks of zeros.
            return match self.content.read - start {
                0 => Err(CollectErrorKind::ArchiveEnds),
                _ => self.after_end(),
            };
        };
        let mut entry = entry?;
        let (kind, size) = (entry.header().entry_type(), entry.size());
        if kind.is_gnu_sparse() {
            return Err(io::Error::other("it has a sparse file, which is not read").into());
        }
        let name = path_of(&entry.path_bytes());
        let mut bytes = Vec::new();
        if kind.is_file() && size <= MAX_FILE_BYTES {
            entry.by_ref().take(FIRST_BYTES).read_to_end(&mut bytes)?;
        }
        let mut taken = bytes.len() as u64;
        let mut found = self::found(&self.archive, &name, kind, size, &bytes);
        if let Found::Picture(picture) = &mut found {
            entry.read_to_end(&mut bytes)?;
            taken = bytes.len() as u64;
            picture.bytes = bytes;
        }
        let left = size.div_ceil(BLOCK) * BLOCK - taken;
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
            self.content.read -= BLOCK;
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

/// Whether a block has the checksum of a header.
fn is_header(block: &[u8]) -> bool {
    let checksum = Header::from_byte_slice(block).cksum().ok();
    let byte = |(at, byte): (usize, &u8)| match CHECKSUM.contains(&at) {
        true => u32::from(b' '),
        false => u32::from(*byte),
    };
    checksum == Some(block.iter().enumerate().map(byte).sum())
}

/// What an entry is, by its first bytes. A picture gets its content later.
fn found(archive: &Path, name: &Path, kind: EntryType, size: u64, bytes: &[u8]) -> Found {
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
    if size > MAX_FILE_BYTES {
        return failed(DecodeErrorKind::TooManyBytes {
            bytes: size,
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
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand more";

    /// An archive with these files.
    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn read(archive: &[u8]) -> (Vec<String>, String) {
        let mut pictures = TarPictures::new(archive, Path::new("a.tar"));
        let found = pictures.by_ref().map(|found| match found {
            Ok(picture) => format!("{}: {} bytes", picture.path.display(), picture.bytes.len()),
            Err(error) => format!("{}: {}", error.path.display(), error.kind),
        });
        let found = found.collect();
        (found, pictures.into_left_out().to_string())
    }

    #[test]
    fn pictures_are_taken_in_their_order_and_the_rest_is_counted() {
        let long = "x".repeat(150) + "/y.jpg";
        let files: &[(&str, &[u8])] = &[
            ("b.png", PNG),
            ("b.json", b"{}"),
            ("a/large.jpg", &[7; 3000]),
            ("./a/without", PNG),
            ("__MACOSX/c.png", PNG),
            ("._d.png", PNG),
            ("empty.png", b""),
            (&long, &[1; 512]),
        ];
        let (found, left_out) = read(&archive(files));
        let expected = [
            "a.tar/b.png: 16 bytes".to_owned(),
            "a.tar/a/large.jpg: 3000 bytes".to_owned(),
            "a.tar/a/without: 16 bytes".to_owned(),
            "a.tar/empty.png: 0 bytes".to_owned(),
            format!("a.tar/{long}: 512 bytes"),
        ];
        assert_eq!(found, expected);
        assert_eq!(left_out, "1 text, 2 system files");
    }

    /// Wherever an archive is cut, the pictures before are found, and one error says that more is missing.
    #[test]
    fn an_archive_that_ends_early_is_an_error_after_its_pictures() {
        let whole = archive(&[("a.png", &[1; 700]), ("b.png", PNG)]);
        let end = |n: u64| format!("a.tar/{}.png: {n} bytes", if n == 700 { "a" } else { "b" });
        for cut in 0..whole.len() - 1024 {
            let (found, _) = read(&whole[..cut]);
            let (error, pictures) = found.split_last().unwrap();
            assert!(error.starts_with("a.tar: "), "{cut}: {error}");
            let expected = [(512 + 1024, end(700)), (512 + 1024 + 1024, end(16))];
            let expected = expected
                .into_iter()
                .filter(|(at, _)| *at <= cut)
                .map(|(_, text)| text);
            assert_eq!(pictures, expected.collect::<Vec<_>>(), "{cut}");
        }
        assert_eq!(read(&whole).0, [end(700), end(16)]);
    }

    /// As `cat a.tar b.tar` leaves it, whatever padding the first one has.
    #[test]
    fn archives_one_after_another_are_read_as_one() {
        let (one, other) = (
            archive(&[("a.png", PNG)]),
            archive(&[("b.png", PNG), ("c.txt", b"c")]),
        );
        let none = archive(&[]);
        for padding in [0, 1, 17] {
            let padding = vec![0; padding * BLOCK as usize];
            let joined = [&*one, &padding, &none, &other].concat();
            let (found, left_out) = read(&joined);
            assert_eq!(found, ["a.tar/a.png: 16 bytes", "a.tar/b.png: 16 bytes"]);
            assert_eq!(left_out, "1 text");
            // The last one lacks its end.
            let (found, _) = read(&joined[..joined.len() - 1024]);
            assert_eq!(
                found.last().unwrap(),
                "a.tar: the archive ends early, more may be missing"
            );
        }
    }

    #[test]
    fn what_follows_an_archive_and_is_none_is_said() {
        for (rest, is_said) in [
            (&[][..], false),
            (&[0; 100], false),
            (b"\n", true),
            (&[7; 1024], true),
        ] {
            let content = [&*archive(&[("a.png", PNG)]), rest].concat();
            let mut pictures = TarPictures::new(&*content, Path::new("x/a.tar"));
            assert_eq!(pictures.by_ref().filter_map(Result::ok).count(), 1);
            let left_out = pictures.into_left_out();
            assert_eq!(left_out.may_be_missed(), is_said, "{left_out}");
            let expected = "1 archive's data behind its end, which is no other archive (`a.tar`)";
            assert_eq!(left_out.to_string(), if is_said { expected } else { "" });
        }
    }

    #[test]
    fn what_is_no_archive_or_has_no_picture_is_said() {
        let mut damaged = archive(&[("a.png", PNG)]);
        damaged[0] = b'b';
        for (content, part) in [
            (&[b'x'; 2000][..], "a.tar: not a tar archive"),
            (
                &[b"\x1f\x8b\x08\x00".as_slice(), &[7; 1000]].concat(),
                "a.tar: it is a file compressed by gzip, expected a tar archive",
            ),
            (b"\x1f\x8b\x08\x00", "a.tar: it is a file compressed by gzip"),
            (
                &[b"\xff\xd8\xff\xe0\0\x10JFIF\0".as_slice(), &[7; 1000]].concat(),
                "a.tar: it is a JPEG picture, expected a tar archive",
            ),
            // A damaged archive is one.
            (&damaged, "a.tar: archive header checksum mismatch"),
            (b"", "a.tar: the archive ends early"),
            (
                &archive(&[("a.json", b"{}")]),
                "a.tar: the archive has no images (PNG, JPEG, WebP, BMP, GIF or TIFF), only 1 text",
            ),
        ] {
            let (found, _) = read(content);
            assert!(found.len() == 1 && found[0].starts_with(part), "{found:?}");
        }
    }
}
