//! An object that is read from its beginning to its end, some of it ahead.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use tokio::sync::mpsc::{Receiver, channel};

use crate::cloud::{Cloud, Object};
use crate::error::{CloudError, CloudErrorKind};

/// Pieces that wait, of some kilobytes each.
const AHEAD: usize = 256;

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
    /// Its threads fetch the pieces.
    _cloud: Cloud,
}

impl ObjectStream {
    pub(crate) fn start(object: Object, cloud: Cloud) -> Self {
        let (sender, pieces) = channel(AHEAD);
        let url = Arc::clone(&object.url);
        cloud.runtime().spawn(async move {
            let mut content = match object.store.store.get(&object.path).await {
                Ok(got) => got.into_stream(),
                Err(error) => return drop(sender.send(Err(object.error(&error))).await),
            };
            loop {
                let piece = content.try_next().await.map_err(|error| object.broken(&error));
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
            _cloud: cloud,
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
            let given_up = || Err(CloudErrorKind::Broken("it was given up".to_owned()).of(&self.url));
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
