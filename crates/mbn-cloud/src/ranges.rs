//! An object that is read in parts, in blocks of which the next ones are fetched ahead.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::task::JoinHandle;

use crate::error::{CloudError, CloudErrorKind};
use crate::object::Object;
use crate::stream::Trouble;
use crate::threads::Threads;

/// Bytes of a block.
const BLOCK: u64 = 4 << 20;

/// Blocks that are fetched ahead.
const AHEAD: u64 = 3;

/// An object that is read in parts.
#[derive(Debug)]
pub struct Ranges {
    object: Object,
    len: u64,
    /// Shows that it is still the same object, if the store has such tags.
    tag: Option<String>,
    threads: Threads,
    blocks: Mutex<BTreeMap<u64, Block>>,
    trouble: Trouble,
}

#[derive(Debug)]
enum Block {
    Coming(JoinHandle<Result<Bytes, CloudError>>),
    Here(Bytes),
}

impl Ranges {
    pub(crate) fn open(object: Object, threads: Threads) -> Result<Self, CloudError> {
        let found = threads.runtime().block_on(about(&object))?;
        Ok(Self {
            object,
            len: found.size,
            tag: found.e_tag,
            threads,
            blocks: Mutex::default(),
            trouble: Trouble::default(),
        })
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where trouble with the store shows.
    pub fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    /// So many bytes from `start` on.
    ///
    /// # Errors
    /// They are not there, or cannot be had.
    pub fn read(&self, start: u64, len: usize) -> io::Result<Bytes> {
        let end = start.checked_add(len as u64).filter(|end| *end <= self.len);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let first = self.some(start, len)?;
        if first.len() == len {
            return Ok(first);
        }
        let mut all = BytesMut::from(first);
        while start + (all.len() as u64) < end {
            let more = self.some(start + all.len() as u64, len - all.len())?;
            all.extend_from_slice(&more);
        }
        Ok(all.freeze())
    }

    /// Some bytes from `start` on, at most `len`, at least one unless it is the end.
    ///
    /// # Errors
    /// They cannot be had.
    pub fn some(&self, start: u64, len: usize) -> io::Result<Bytes> {
        if start >= self.len || len == 0 {
            return Ok(Bytes::new());
        }
        let block = self
            .block(start / BLOCK)
            .map_err(|error| self.trouble.note(&error))?;
        let skipped = ((start % BLOCK) as usize).min(block.len());
        let end = block.len().min(skipped + len);
        match skipped == end {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(block.slice(skipped..end)),
        }
    }

    fn block(&self, number: u64) -> Result<Bytes, CloudError> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let last = (self.len - 1) / BLOCK;
        let wanted = number..=last.min(number + AHEAD);
        // The block before may be needed again, by a page that ends in it.
        blocks.retain(|found, _| *found + 1 >= number && found <= wanted.end());
        for number in wanted {
            blocks.entry(number).or_insert_with(|| self.fetch(number));
        }
        let found = match blocks.remove(&number) {
            Some(Block::Here(bytes)) => bytes,
            Some(Block::Coming(task)) => {
                let given_up = |_| Err(CloudError::given_up(self.object.url()));
                self.threads.runtime().block_on(task).unwrap_or_else(given_up)?
            }
            None => Bytes::new(),
        };
        blocks.insert(number, Block::Here(found.clone()));
        Ok(found)
    }

    fn fetch(&self, number: u64) -> Block {
        let (object, tag, start) = (self.object.clone(), self.tag.clone(), number * BLOCK);
        let end = self.len.min(start + BLOCK);
        Block::Coming(self.threads.runtime().spawn(async move {
            let options = part(start..end);
            let got = object.store.store.get_opts(&object.path, options).await;
            let got = got.map_err(|error| object.error(&error))?;
            if got.meta.e_tag != tag {
                return Err(CloudErrorKind::Replaced.of(object.url()));
            }
            got.bytes().await.map_err(|error| object.broken(&error))
        }))
    }
}

/// The size and the tag of an object. A web server may refuse to tell them alone, as for an address that is signed for reading only.
async fn about(object: &Object) -> Result<ObjectMeta, CloudError> {
    let store = &object.store.store;
    let found = store
        .head(&object.path)
        .await
        .map_err(|error| object.error(&error));
    match found {
        Err(error) if object.is_on_web() && error.kind != CloudErrorKind::MissingFile => {
            let got = store.get_opts(&object.path, part(0..1)).await;
            got.map(|got| got.meta)
                .map_err(|second| match object.error(&second).kind {
                    CloudErrorKind::NoParts => CloudErrorKind::NoParts.of(object.url()),
                    _ => error,
                })
        }
        found => found,
    }
}

fn part(range: Range<u64>) -> GetOptions {
    GetOptions {
        range: Some(GetRange::Bounded(range)),
        ..GetOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::ObjectStore;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;
    use crate::store::Store;

    #[test]
    fn parts_of_two_objects_are_not_mixed() {
        let threads = Threads::start().unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("a");
        let put = |byte: u8, len: u64| {
            let content = vec![byte; usize::try_from(len).unwrap()];
            let put = store.put(&path, content.into());
            threads.runtime().block_on(put).unwrap();
        };
        let len = (AHEAD + 3) * BLOCK;
        put(1, len);
        let object = Object {
            url: "s3://bucket/a".into(),
            store: Arc::new(Store {
                store: Arc::clone(&store),
                has_credentials: true,
            }),
            path: path.clone(),
        };
        let ranges = Ranges::open(object, threads.clone()).unwrap();
        assert_eq!(ranges.len(), len);
        assert!(ranges.read(BLOCK - 1, 2).unwrap().iter().all(|byte| *byte == 1));
        put(2, len + 1);
        let error = ranges.read(len - 2, 2).unwrap_err().to_string();
        assert!(error.contains("another object took its place"), "{error}");
    }
}
