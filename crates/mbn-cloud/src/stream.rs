//! An object that is read from its beginning to its end, some of it ahead.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::sync::mpsc::{Receiver, channel};

use crate::error::CloudError;
use crate::object::Object;
use crate::threads::{Task, Threads};

/// Pieces that wait, of some kilobytes each.
const AHEAD: usize = 256;

/// How often a transfer goes on without a byte in between.
const BREAKS: u32 = 3;

/// What went wrong with the store while an object was read. It is kept apart from the errors of reading, which those who parse an
/// object take for errors in it.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<Option<CloudError>>>);

impl Trouble {
    /// What went wrong, told once.
    pub fn take(&self) -> Option<CloudError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps the error if it is the store's, and makes it one of reading.
    pub(crate) fn note(&self, error: &CloudError) -> io::Error {
        if error.is_of_store() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
        io::Error::other(error.kind.clone())
    }
}

/// An object's content.
#[derive(Debug)]
pub struct ObjectStream {
    /// `None` is the end.
    pieces: Receiver<Result<Option<Bytes>, CloudError>>,
    current: Bytes,
    trouble: Trouble,
    url: Arc<str>,
    is_over: bool,
    _task: Task,
    /// They fetch the pieces.
    _threads: Threads,
}

/// An object on its way. The store continues a transfer that breaks off, but only in its first minute; this one does so at any time.
struct Transfer {
    object: Object,
    content: BoxStream<'static, object_store::Result<Bytes>>,
    /// Shows that it is still the same object.
    tag: Option<String>,
    size: u64,
    /// Bytes that have come.
    place: u64,
    /// How often it broke off since the last byte came.
    breaks: u32,
}

impl Transfer {
    async fn start(object: Object) -> Result<Self, CloudError> {
        let got = object.store.store.get(&object.path).await;
        let got = got.map_err(|error| object.error(&error))?;
        Ok(Self {
            object,
            tag: got.meta.e_tag.clone(),
            size: got.meta.size,
            content: got.into_stream(),
            place: 0,
            breaks: 0,
        })
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, CloudError> {
        loop {
            match self.content.try_next().await {
                Ok(Some(piece)) => {
                    self.place += piece.len() as u64;
                    self.breaks = 0;
                    return Ok(Some(piece));
                }
                Ok(None) => return Ok(None),
                Err(_) if self.place == self.size => return Ok(None),
                Err(error) if self.tag.is_none() || self.breaks == BREAKS => {
                    return Err(self.object.broken(&error));
                }
                Err(error) => {
                    self.breaks += 1;
                    self.go_on(&error).await?;
                }
            }
        }
    }

    /// Asks for the rest, after `broken`.
    async fn go_on(&mut self, broken: &object_store::Error) -> Result<(), CloudError> {
        let options = GetOptions {
            range: Some(GetRange::Offset(self.place)),
            ..GetOptions::default()
        };
        let got = self.object.store.store.get_opts(&self.object.path, options).await;
        let got = got.map_err(|error| self.object.error(&error))?;
        // Another object has taken its place.
        if got.meta.e_tag != self.tag {
            return Err(self.object.broken(broken));
        }
        self.content = got.into_stream();
        Ok(())
    }
}

impl ObjectStream {
    pub(crate) fn start(object: Object, threads: Threads) -> Self {
        let (sender, pieces) = channel(AHEAD);
        let url = Arc::clone(&object.url);
        let task = threads.spawn(async move {
            let mut transfer = match Transfer::start(object).await {
                Ok(transfer) => transfer,
                Err(error) => return drop(sender.send(Err(error)).await),
            };
            loop {
                let piece = transfer.next().await;
                let is_over = !matches!(piece, Ok(Some(_)));
                // Nobody may want the rest.
                if sender.send(piece).await.is_err() || is_over {
                    return;
                }
            }
        });
        Self {
            pieces,
            current: Bytes::new(),
            trouble: Trouble::default(),
            url,
            is_over: false,
            _task: task,
            _threads: threads,
        }
    }

    /// Where trouble with the store shows.
    pub fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }
}

impl Read for ObjectStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !into.is_empty() && !self.is_over {
            let given_up = || Err(CloudError::given_up(&self.url));
            match self.pieces.blocking_recv().unwrap_or_else(given_up) {
                Ok(Some(piece)) => self.current = piece,
                Ok(None) => self.is_over = true,
                Err(error) => return Err(self.trouble.note(&error)),
            }
        }
        let n = self.current.len().min(into.len());
        self.current.copy_to_slice(&mut into[..n]);
        Ok(n)
    }
}
