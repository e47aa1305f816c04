//! An object that is read in parts, in blocks of which the next ones are fetched ahead.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use object_store::ObjectStoreExt;
use tokio::task::JoinHandle;

use crate::error::CloudError;
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
        let found = threads.runtime().block_on(object.store.store.head(&object.path));
        let len = found.map_err(|error| object.error(&error))?.size;
        Ok(Self {
            object,
            len,
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
        let (object, start) = (self.object.clone(), number * BLOCK);
        let end = self.len.min(start + BLOCK);
        Block::Coming(self.threads.runtime().spawn(async move {
            let got = object.store.store.get_range(&object.path, start..end).await;
            got.map_err(|error| object.error(&error))
        }))
    }
}
