//! The zip of a checkpoint: `NAME/data.pkl`, and the bytes of each storage as `NAME/data/KEY`.

use std::collections::HashMap;
use std::io::Cursor;

use memchr::memmem;
use zip::{CompressionMethod, ZipArchive};

use super::{MAX_ENTRIES, MAX_PICKLE_BYTES, PickleError};
use crate::shown::shortened;

/// What begins each entry of a zip's directory.
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";

/// The files of a checkpoint, which are stored and not compressed, as parts of its bytes.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    pub pickle: &'a [u8],
    /// The bytes of each storage by its key.
    storages: HashMap<String, &'a [u8]>,
}

impl<'a> Archive<'a> {
    /// Opens a checkpoint, and verifies the checksums of its files. No two of them share bytes, so this takes no longer than
    /// reading the file.
    pub fn open(file: &'a [u8]) -> Result<Self, PickleError> {
        let found = memmem::find_iter(file, DIRECTORY_ENTRY)
            .take(MAX_ENTRIES + 1)
            .count();
        if found > MAX_ENTRIES {
            let limit = MAX_ENTRIES;
            return Err(PickleError::TooManyEntries { found, limit });
        }
        let zip_error = |error: zip::result::ZipError| PickleError::Zip(shortened(&error.to_string()));
        let mut zip = ZipArchive::new(Cursor::new(file)).map_err(zip_error)?;
        if zip.has_duplicate_names() || zip.has_overlapping_entries().map_err(zip_error)? {
            return Err(PickleError::Overlap);
        }
        let (mut files, mut compressed) = (HashMap::new(), None);
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(zip_error)?;
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
                compressed.get_or_insert(shortened(&name));
                files.insert(name, &[][..]);
                continue;
            }
            let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
            let size = usize::try_from(entry.size()).ok();
            let range = start.and_then(|start| Some(start..start.checked_add(size?)?));
            let content = range
                .filter(|_| entry.size() == entry.compressed_size())
                .and_then(|range| file.get(range))
                .ok_or_else(|| PickleError::Zip(format!("`{}` is cut off", shortened(&name))))?;
            // `torch.serialization.set_crc32_options(False)` writes zero.
            if entry.crc32() != 0 && entry.crc32() != crc32fast::hash(content) {
                return Err(PickleError::Checksum(shortened(&name)));
            }
            files.insert(name, content);
        }
        Self::of_files(files, compressed)
    }

    /// Tells a checkpoint from other archives, which may be compressed as they like.
    fn of_files(files: HashMap<String, &'a [u8]>, compressed: Option<String>) -> Result<Self, PickleError> {
        let mut folders = files.keys().filter_map(|name| {
            let folder = name.strip_suffix("/data.pkl")?;
            (!folder.contains('/')).then(|| format!("{folder}/"))
        });
        let folder = folders.next().ok_or(PickleError::NotCheckpoint)?;
        if folders.next().is_some() {
            return Err(PickleError::Zip("it holds more than one `data.pkl`".to_owned()));
        }
        let get = |name: &str| files.get(&format!("{folder}{name}")).copied();
        if get("constants.pkl").is_some() {
            return Err(PickleError::TorchScript);
        }
        if let Some(name) = compressed {
            return Err(PickleError::Compressed(name));
        }
        if let Some(order) = get("byteorder").filter(|order| order.trim_ascii() != b"little") {
            return Err(PickleError::ByteOrder(shortened(&String::from_utf8_lossy(order))));
        }
        let pickle = get("data.pkl").unwrap_or_default();
        if pickle.len() > MAX_PICKLE_BYTES {
            let (found, limit) = (pickle.len(), MAX_PICKLE_BYTES);
            return Err(PickleError::TooLarge { found, limit });
        }
        let prefix = format!("{folder}data/");
        let storages = files
            .iter()
            .filter_map(|(name, content)| Some((name.strip_prefix(&prefix)?.to_owned(), *content)));
        let storages = storages.collect();
        Ok(Self { pickle, storages })
    }

    /// The bytes of a storage.
    pub fn storage(&self, key: &str) -> Option<&'a [u8]> {
        self.storages.get(key).copied()
    }
}
