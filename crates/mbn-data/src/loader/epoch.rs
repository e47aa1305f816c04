//! The batches of one epoch, in order.
//!
//! Two builder threads make whole batches in turn; each divides the pictures of its batch among the workers of the
//! shared pool. So the workers start on the next batch while the last pictures of a batch are still being decoded.
//! Batches need no reordering: builder `b` makes the batches `b`, `b + 2`, ...

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::Batch;
use super::batch_builder::BatchBuilder;
use super::error::LoaderError;

/// Number of threads that make batches in turn.
const BUILDERS: usize = 2;

/// Iterates over the batches of one epoch, in order. An error ends the iteration. Dropping it stops the work.
pub struct Epoch {
    /// One per builder thread; batch `b` comes from `b % BUILDERS`.
    receivers: Vec<Receiver<Result<Batch, LoaderError>>>,
    threads: Vec<JoinHandle<()>>,
    cancelled: Arc<AtomicBool>,
    next: usize,
    batches: usize,
}

impl Epoch {
    /// Starts to make the batches from `first` on.
    pub(super) fn start(builder: BatchBuilder, first: usize) -> Self {
        let builder = Arc::new(builder);
        let mut started = Self {
            receivers: Vec::new(),
            threads: Vec::new(),
            cancelled: Arc::clone(&builder.cancelled),
            next: first.min(builder.batches()),
            batches: builder.batches(),
        };
        // A thread holds one batch besides those in its queue.
        let capacity = (builder.prefetch / BUILDERS).saturating_sub(1);
        for index in 0..BUILDERS {
            let (sender, receiver) = bounded(capacity);
            started.receivers.push(receiver);
            let builder = Arc::clone(&builder);
            // The first batch from `first` on that is this thread's.
            let first = first + (index + BUILDERS - first % BUILDERS) % BUILDERS;
            let thread = Builder::new().name(format!("mbn-data-batch-{index}"));
            // If the thread does not start, its queue is closed, which the consumer reports as `Stopped`.
            if let Ok(handle) = thread.spawn(move || build_every(&builder, first, &sender)) {
                started.threads.push(handle);
            }
        }
        started
    }

    fn stop(&mut self) {
        self.next = self.batches;
        self.cancelled.store(true, Ordering::Relaxed);
        self.receivers.clear();
        for thread in self.threads.drain(..) {
            // If it panicked, its message is on stderr and the consumer got `Stopped`.
            let _ = thread.join();
        }
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.batches {
            return None;
        }
        let received = self.receivers[self.next % BUILDERS].recv();
        self.next += 1;
        let result = received.unwrap_or(Err(LoaderError::Stopped));
        if result.is_err() {
            self.stop();
        }
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the epoch early.
        (0, Some(self.batches - self.next))
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.stop();
    }
}

fn build_every(builder: &BatchBuilder, first: usize, sender: &Sender<Result<Batch, LoaderError>>) {
    for batch in (first..builder.batches()).step_by(BUILDERS) {
        let result = builder.build(batch);
        let failed = result.is_err();
        if builder.cancelled.load(Ordering::Relaxed) || sender.send(result).is_err() || failed {
            return;
        }
    }
}
