//! How many objects are fetched at once, and how many bytes of them wait to be used. The oldest object that nobody has taken yet may
//! always go on, so that whoever takes them in their order never waits forever, and so may one that somebody waits for.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Requests at once: the latency of each is hidden behind the others.
const REQUESTS: usize = 32;

/// Bytes of objects that have come, or are about to, and wait to be taken.
const BYTES: u64 = 256 << 20;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Those that nobody has taken yet.
    untaken: BTreeSet<u64>,
    requests: usize,
    bytes: u64,
}

/// An object's place in the order. When it is dropped, the object has been taken, or nobody wants it any more.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    number: u64,
    bytes: Mutex<u64>,
    waits: AtomicBool,
    /// Whether somebody waits for this object and takes no other before it.
    is_urgent: AtomicBool,
}

/// A request that is being answered, until it is dropped.
pub(crate) struct Request<'a>(&'a Gate);

impl Gate {
    /// The next place.
    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.untaken.insert(number);
        Ticket {
            gate: Arc::clone(self),
            number,
            bytes: Mutex::new(0),
            waits: AtomicBool::new(false),
            is_urgent: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Waits until a request may be made. `on_wait` is called if that takes time.
    pub(crate) async fn request(&self, on_wait: impl Fn()) -> Request<'_> {
        self.pass(
            on_wait,
            |state| {
                state.requests < REQUESTS && {
                    state.requests += 1;
                    true
                }
            },
            |state| state.requests += 1,
        )
        .await;
        Request(&self.gate)
    }

    /// Waits until there is room for so many bytes.
    pub(crate) async fn reserve(&self, bytes: u64, on_wait: impl Fn()) {
        let add = |state: &mut State| {
            state.bytes += bytes;
            *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        };
        self.pass(
            on_wait,
            |state| {
                let fits = state.bytes + bytes <= BYTES;
                if fits {
                    add(state);
                }
                fits
            },
            &add,
        )
        .await;
    }

    /// Lets it pass whatever the limits, as the oldest does.
    pub(crate) fn hurry(&self) {
        self.is_urgent.store(true, Ordering::Release);
        self.gate.changed.notify_waiters();
    }

    /// Whether it waits for others to be taken.
    pub(crate) fn waits(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    async fn pass(
        &self,
        on_wait: impl Fn(),
        try_pass: impl Fn(&mut State) -> bool,
        force: impl Fn(&mut State),
    ) {
        loop {
            let mut changed = std::pin::pin!(self.gate.changed.notified());
            // Before the look at the state: no change between the two is missed.
            changed.as_mut().enable();
            {
                let mut state = self.gate.lock();
                if try_pass(&mut state) {
                    break;
                }
                if state.untaken.first() == Some(&self.number) || self.is_urgent.load(Ordering::Acquire) {
                    force(&mut state);
                    break;
                }
            }
            if !self.waits.swap(true, Ordering::AcqRel) {
                on_wait();
            }
            changed.await;
        }
        self.waits.store(false, Ordering::Release);
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.0.lock().requests -= 1;
        self.0.changed.notify_waiters();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let bytes = *self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.gate.lock();
        state.untaken.remove(&self.number);
        state.bytes -= bytes;
        drop(state);
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
