//! An object that is read in parts, in blocks of which the next ones are fetched ahead.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::{CloudError, CloudErrorKind};
use crate::object::Object;
use crate::stream::Trouble;
use crate::threads::{Task, Threads};

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
    blocks: Mutex<BTreeMap<u64, Arc<Block>>>,
    trouble: Trouble,
}

/// A block, for which each of those that want it may wait. It is given up when nobody does any more.
#[derive(Debug)]
struct Block(Mutex<Content>);

#[derive(Debug)]
enum Content {
    Coming(Task<Result<Bytes, CloudError>>),
    Known(Result<Bytes, CloudError>),
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
        let block = self.wanted(number);
        let found = block.wait(&self.threads, &self.object);
        if found.is_err() {
            // Whoever wants it next asks anew.
            let mut blocks = self.blocks();
            if blocks
                .get(&number)
                .is_some_and(|other| Arc::ptr_eq(other, &block))
            {
                blocks.remove(&number);
            }
        }
        found
    }

    /// The block, which comes, as do those behind it. Those before it are given up.
    fn wanted(&self, number: u64) -> Arc<Block> {
        let mut blocks = self.blocks();
        let last = (self.len - 1) / BLOCK;
        let ahead = number + 1..=last.min(number + AHEAD);
        // The block before may be needed again, by a page that ends in it.
        blocks.retain(|found, _| *found + 1 >= number && found <= ahead.end());
        let mut come = |number| Arc::clone(blocks.entry(number).or_insert_with(|| self.fetch(number)));
        let block = come(number);
        for number in ahead {
            come(number);
        }
        block
    }

    fn blocks(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Block>>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetch(&self, number: u64) -> Arc<Block> {
        let (object, tag, start) = (self.object.clone(), self.tag.clone(), number * BLOCK);
        let end = self.len.min(start + BLOCK);
        let task = self.threads.spawn(async move {
            let options = part(start..end);
            let got = object.store.store.get_opts(&object.path, options).await;
            let got = got.map_err(|error| object.error(&error))?;
            if got.meta.e_tag != tag {
                return Err(CloudErrorKind::Replaced.of(object.url()));
            }
            got.bytes().await.map_err(|error| object.broken(&error))
        });
        Arc::new(Block(Mutex::new(Content::Coming(task))))
    }
}

impl Block {
    fn wait(&self, threads: &Threads, object: &Object) -> Result<Bytes, CloudError> {
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &mut *content {
            Content::Known(found) => return found.clone(),
            Content::Coming(task) => threads.runtime().block_on(task.end()),
        };
        let found = found.unwrap_or_else(|_| Err(CloudError::given_up(object.url())));
        *content = Content::Known(found.clone());
        found
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
    use std::thread;
    use std::time::Duration;

    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};

    use super::*;
    use crate::store::Store;

    /// A store with an object of so many blocks, and the object. Its bytes are all `1`.
    fn object(threads: &Threads, blocks: u64) -> (Arc<ThrottledStore<InMemory>>, Object) {
        let store = Arc::new(ThrottledStore::new(InMemory::new(), ThrottleConfig::default()));
        let object = Object {
            url: "s3://bucket/a".into(),
            store: Arc::new(Store {
                store: Arc::<ThrottledStore<InMemory>>::clone(&store),
                has_credentials: true,
            }),
            path: Path::from("a"),
        };
        put(threads, &store, 1, blocks * BLOCK);
        (store, object)
    }

    fn put(threads: &Threads, store: &impl ObjectStore, byte: u8, len: u64) {
        let content = vec![byte; usize::try_from(len).unwrap()];
        let (path, content) = (Path::from("a"), content.into());
        threads.runtime().block_on(store.put(&path, content)).unwrap();
    }

    #[test]
    fn parts_of_two_objects_are_not_mixed() {
        let threads = Threads::start().unwrap();
        let (store, object) = object(&threads, AHEAD + 3);
        let len = (AHEAD + 3) * BLOCK;
        let ranges = Ranges::open(object, threads.clone()).unwrap();
        assert_eq!(ranges.len(), len);
        assert!(ranges.read(BLOCK - 1, 2).unwrap().iter().all(|byte| *byte == 1));
        put(&threads, &store, 2, len + 1);
        for _ in 0..2 {
            let error = ranges.read(len - 2, 2).unwrap_err().to_string();
            assert!(error.contains("another object took its place"), "{error}");
        }
    }

    /// Whether it is so before long.
    fn comes_true(is_so: impl Fn() -> bool) -> bool {
        (0..1000).any(|_| {
            let is_so = is_so();
            if !is_so {
                thread::sleep(Duration::from_millis(10));
            }
            is_so
        })
    }

    #[test]
    fn what_nobody_wants_any_more_is_not_fetched() {
        let threads = Threads::start().unwrap();
        let (store, object) = object(&threads, 3 * (AHEAD + 3));
        let ranges = Ranges::open(object.clone(), threads).unwrap();
        store.config_mut(|config| config.wait_get_per_call = Duration::from_secs(3600));
        // Each request holds the store, as do the object and those who read it.
        let are_asked = |requests: u64| {
            let holders = usize::try_from(2 + requests).unwrap();
            comes_true(|| Arc::strong_count(&object.store) == holders)
        };
        ranges.wanted(0);
        assert!(are_asked(1 + AHEAD));
        ranges.wanted(2 * (AHEAD + 3));
        assert!(are_asked(1 + AHEAD));
        drop(ranges);
        assert!(comes_true(|| Arc::strong_count(&object.store) == 1));
    }

    #[test]
    fn waiting_for_one_block_keeps_nobody_from_another() {
        let threads = Threads::start().unwrap();
        let (_, object) = object(&threads, 3);
        let ranges = Arc::new(Ranges::open(object, threads.clone()).unwrap());
        let (come, comes) = tokio::sync::oneshot::channel();
        let task = threads.spawn(async { Ok(comes.await.unwrap()) });
        let block = Arc::new(Block(Mutex::new(Content::Coming(task))));
        ranges.blocks().insert(1, Arc::clone(&block));
        let waiting = {
            let ranges = Arc::clone(&ranges);
            thread::spawn(move || ranges.read(BLOCK, 1))
        };
        assert!(comes_true(|| block.0.try_lock().is_err()));
        assert_eq!(*ranges.read(0, 1).unwrap(), [1]);
        come.send(Bytes::from_static(&[2])).unwrap();
        assert_eq!(*waiting.join().unwrap().unwrap(), [2]);
    }
}
