//! An object on its way into memory.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
    slot: Arc<Slot>,
    _task: Task,
    /// They fetch.
    _threads: Threads,
}

/// Where the content comes to.
#[derive(Debug, Default)]
struct Slot {
    found: Mutex<Option<Result<Vec<u8>, CloudError>>>,
    has_come: Condvar,
}

/// Whoever should fill a slot. Dropped before that, it says so in the slot: else somebody would wait forever.
struct Promise {
    slot: Arc<Slot>,
    url: Arc<str>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Result<Vec<u8>, CloudError>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in, unless something is.
    fn fill(&self, found: Result<Vec<u8>, CloudError>) {
        self.lock().get_or_insert(found);
        self.has_come.notify_all();
    }

    /// Waits for the content, once.
    fn wait(&self) -> Result<Vec<u8>, CloudError> {
        let mut found = self.lock();
        loop {
            match found.take() {
                Some(found) => return found,
                None => found = self.has_come.wait(found).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.slot.fill(Err(CloudError::given_up(&self.url)));
    }
}

impl Download {
    pub(crate) fn start(
        object: Object,
        ticket: Ticket,
        limit: u64,
        threads: Threads,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let (ticket, slot) = (Arc::new(ticket), Arc::<Slot>::default());
        let promise = Promise {
            slot: Arc::clone(&slot),
            url: Arc::clone(&object.url),
        };
        let task = {
            let ticket = Arc::clone(&ticket);
            threads.spawn(async move {
                let found = fetch(&object, &ticket, limit, &wake).await;
                promise.slot.fill(found);
                wake();
            })
        };
        Self {
            ticket,
            slot,
            _task: task,
            _threads: threads,
        }
    }

    /// Whether the content has come, or cannot come.
    pub fn is_done(&self) -> bool {
        self.slot.lock().is_some()
    }

    /// Whether it waits until downloads that were started before it have been taken.
    pub fn is_held_back(&self) -> bool {
        self.ticket.waits()
    }

    /// The content. Its memory no longer counts as that of downloads. If it has not come yet, this waits for it, and the download goes
    /// before all others; what `wake` needs must not be held meanwhile.
    ///
    /// # Errors
    /// It could not be fetched.
    pub fn take(self) -> Result<Vec<u8>, CloudError> {
        if !self.is_done() {
            self.ticket.hurry();
        }
        self.slot.wait()
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

#[cfg(test)]
mod tests;
