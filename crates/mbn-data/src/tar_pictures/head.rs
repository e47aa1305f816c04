//! What an archive has before an entry's content: its header, and the entries before it that only say more about it.

use std::io::{self, Read};
use std::ops::Range;

use tar::{EntryType, Header, PaxExtensions};

use crate::input_paths::CollectErrorKind;

/// Archives consist of blocks of this many bytes.
pub(super) const BLOCK: u64 = 512;

/// Where the checksum is in a header. It is the sum of all bytes, with spaces in its own place.
const CHECKSUM: Range<usize> = 148..156;

/// The longest name that has an entry of its own, in bytes. No system has paths of more than 32,767 characters.
const MAX_NAME: u64 = 64 << 10;

/// The most bytes of an entry's pax records. Backups have its access rights and extended attributes in them.
const MAX_PAX: u64 = 1 << 20;

/// What is known about an entry before its content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: EntryType,
    pub(super) name: Vec<u8>,
    /// Bytes of the content. Blocks are filled up after them.
    pub(super) size: u64,
    /// Its content has a map of a sparse file's parts, or lacks what lies between them.
    pub(super) is_sparse: bool,
}

/// What entries said about the next one.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Option<Vec<u8>>,
}

impl Head {
    /// Reads up to where the next entry's content begins; `None` is a block of zeros, as the archive's end has.
    ///
    /// # Errors
    /// The archive ends, is damaged, or has a name or records that would take much memory.
    pub(super) fn read(content: &mut impl Read) -> Result<Option<Self>, CollectErrorKind> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = header(content)? else {
                return match extensions.is_empty() {
                    true => Ok(None),
                    false => Err(io::Error::other("an entry that describes the next one is the last").into()),
                };
            };
            let is_extended = header.as_gnu().is_some() || header.as_ustar().is_some();
            let (slot, what, limit) = match header.entry_type() {
                EntryType::GNULongName if is_extended => (&mut extensions.name, "name", MAX_NAME),
                EntryType::GNULongLink if is_extended => (&mut extensions.link, "link target", MAX_NAME),
                EntryType::XHeader if is_extended => (&mut extensions.pax, "pax header", MAX_PAX),
                _ => return extensions.head(&header).map(Some),
            };
            if slot.is_some() {
                return Err(io::Error::other(format!("an entry has its {what} twice")).into());
            }
            let bytes = header.entry_size()?;
            if bytes > limit {
                return Err(CollectErrorKind::ArchiveHeader { what, bytes, limit });
            }
            let mut said = exactly(content, padded(bytes)?)?;
            said.truncate(bytes as usize);
            *slot = Some(said);
        }
    }

    /// Bytes that the content takes in the archive.
    ///
    /// # Errors
    /// They are too many for a number.
    pub(super) fn padded(&self) -> Result<u64, CollectErrorKind> {
        padded(self.size)
    }
}

impl Extensions {
    fn is_empty(&self) -> bool {
        self.name.is_none() && self.link.is_none() && self.pax.is_none()
    }

    fn head(self, header: &Header) -> Result<Head, CollectErrorKind> {
        let pax = self.pax.as_deref().unwrap_or_default();
        let size = match pax_size(pax) {
            Some(size) => size,
            None => header.entry_size()?,
        };
        let name = match self.name {
            Some(mut name) => {
                name.pop_if(|last| *last == 0);
                name
            }
            // Of a sparse file, the path is one of its own.
            None => pax_value(pax, b"GNU.sparse.name")
                .or_else(|| pax_value(pax, b"path"))
                .unwrap_or_else(|| header.path_bytes().into()),
        };
        let kind = header.entry_type();
        let mut records = PaxExtensions::new(pax).filter_map(Result::ok);
        let is_sparse = records.any(|record| record.key_bytes().starts_with(b"GNU.sparse."));
        Ok(Head {
            kind,
            name,
            size,
            is_sparse,
        })
    }
}

/// The size in pax records, which counts instead of the header's: that has no room for large ones.
fn pax_size(pax: &[u8]) -> Option<u64> {
    let mut records = PaxExtensions::new(pax).map_while(Result::ok);
    let size = records.find(|record| record.key() == Ok("size"))?;
    size.value().ok()?.parse().ok()
}

fn pax_value(pax: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let mut records = PaxExtensions::new(pax).filter_map(Result::ok);
    let found = records.find(|record| record.key_bytes() == key)?;
    Some(found.value_bytes().to_owned())
}

/// The next block, which is a header unless it is all zeros.
fn header(content: &mut impl Read) -> Result<Option<Header>, CollectErrorKind> {
    let block = exactly(content, BLOCK)?;
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let header = Header::from_byte_slice(&block);
    if header.cksum()? != checksum(&block) {
        return Err(io::Error::other("archive header checksum mismatch").into());
    }
    Ok(Some(header.clone()))
}

/// Whether a block has the checksum of a header.
pub(super) fn is_header(block: &[u8]) -> bool {
    let said = Header::from_byte_slice(block).cksum().ok();
    said == Some(checksum(block))
}

fn checksum(block: &[u8]) -> u32 {
    let byte = |(at, byte): (usize, &u8)| match CHECKSUM.contains(&at) {
        true => u32::from(b' '),
        false => u32::from(*byte),
    };
    block.iter().enumerate().map(byte).sum()
}

fn exactly(content: &mut impl Read, len: u64) -> Result<Vec<u8>, CollectErrorKind> {
    let mut bytes = Vec::new();
    content.take(len).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == len {
        true => Ok(bytes),
        false => Err(CollectErrorKind::ArchiveEnds),
    }
}

fn padded(size: u64) -> Result<u64, CollectErrorKind> {
    let padded = size.checked_next_multiple_of(BLOCK);
    padded.ok_or_else(|| io::Error::other(format!("an entry has {size} bytes, which no archive has")).into())
}
