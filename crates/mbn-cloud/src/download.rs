//! An object on its way into memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::{Error, ObjectStoreExt};

use crate::error::{CloudError, CloudErrorKind};
use crate::gate::Ticket;
use crate::object::Object;
use crate::threads::{Task, Threads};

/// How often a transfer that broke off begins anew, where the store cannot continue it.
const TRANSFERS: u32 = 4;

/// The pause before the second transfer; each later one is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// An object that is being fetched.
#[derive(Debug)]
pub struct Download {
    ticket: Arc<Ticket>,
    result: Slot,
    task: Task,
    url: Arc<str>,
    /// They fetch.
    _threads: Threads,
}

/// The content, once it has come.
type Slot = Arc<Mutex<Option<Result<Vec<u8>, CloudError>>>>;

impl Download {
    pub(crate) fn start(
        object: Object,
        ticket: Ticket,
        limit: u64,
        threads: Threads,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (ticket, result) = (Arc::new(ticket), Slot::default());
        let url = Arc::clone(&object.url);
        let task = {
            let (ticket, result) = (Arc::clone(&ticket), Arc::clone(&result));
            threads.spawn(async move {
                let found = fetch(&object, &ticket, limit, &wake).await;
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
                wake();
            })
        };
        Self {
            ticket,
            result,
            task,
            url,
            _threads: threads,
        }
    }

    /// Whether the content has come, or cannot come.
    pub fn is_done(&self) -> bool {
        self.task.is_finished()
            || self
                .result
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_some()
    }

    /// Whether it waits until downloads that were started before it have been taken.
    pub fn is_held_back(&self) -> bool {
        self.ticket.waits()
    }

    /// The content of one that is done. Its memory no longer counts as that of downloads.
    ///
    /// # Errors
    /// It could not be fetched.
    pub fn take(self) -> Result<Vec<u8>, CloudError> {
        let found = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.unwrap_or_else(|| Err(CloudError::given_up(&self.url)))
    }
}

async fn fetch(
    object: &Object,
    ticket: &Ticket,
    limit: u64,
    wake: &(impl Fn() + Send + Sync),
) -> Result<Vec<u8>, CloudError> {
    let _request = ticket.request(wake).await;
    let (mut pause, mut is_reserved) = (PAUSE, false);
    for transfer in 1.. {
        let got = object
            .store
            .store
            .get(&object.path)
            .await
            .map_err(|error| object.error(&error))?;
        let bytes = got.meta.size;
        if bytes > limit {
            return Err(CloudErrorKind::TooLarge { bytes, limit }.of(&object.url));
        }
        if !is_reserved {
            ticket.reserve(bytes, wake).await;
            is_reserved = true;
        }
        match got.bytes().await {
            Ok(content) => return Ok(content.into()),
            Err(error @ Error::Generic { .. }) if transfer < TRANSFERS => {
                drop(error);
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return Err(object.broken(&error)),
        }
    }
    Err(CloudError::given_up(&object.url))
}
