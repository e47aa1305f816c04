//! The batches of one epoch, in order.
//!
//! Each batch is a task of the workers' pool, which divides its pictures among the workers. So the workers start on the next
//! batch while the last pictures of a batch are still being decoded, and no thread waits for another.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, bounded};

use super::batch::Batch;
use super::batch_builder::BatchBuilder;
use super::error::LoaderError;

/// Iterates over the batches of one epoch, in order. An error ends the iteration. Dropping it stops the work.
pub struct Epoch {
    builder: Arc<BatchBuilder>,
    /// The batches that are ready or in progress, in order.
    coming: VecDeque<Receiver<Result<Batch, LoaderError>>>,
    /// The next batch to begin.
    next: usize,
}

impl Epoch {
    /// Starts to make the batches from `first` on.
    pub(super) fn start(builder: BatchBuilder, first: usize) -> Self {
        let mut started = Self {
            builder: Arc::new(builder),
            coming: VecDeque::new(),
            next: first,
        };
        for _ in 0..started.builder.prefetch.max(1) {
            started.begin();
        }
        started
    }

    /// Begins the next batch, if there is one.
    fn begin(&mut self) {
        let batch = self.next;
        if batch >= self.builder.batches() {
            return;
        }
        self.next += 1;
        let (sender, receiver) = bounded(1);
        self.coming.push_back(receiver);
        let builder = Arc::clone(&self.builder);
        self.builder.pool().spawn_fifo(move || {
            // A panic of a task would end the process. Its message is on stderr, and the closed channel tells the consumer.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| builder.build(batch))) {
                // Nobody waits for it after an error.
                let _ = sender.send(result);
            }
        });
    }

    fn stop(&mut self) {
        self.next = self.builder.batches();
        self.builder.cancelled.store(true, Ordering::Relaxed);
        for receiver in self.coming.drain(..) {
            // Wait for what has begun: the caller may remove the pictures next.
            let _ = receiver.recv();
        }
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let received = self.coming.pop_front()?.recv();
        let result = received.unwrap_or(Err(LoaderError::Stopped));
        match result {
            Ok(_) => self.begin(),
            Err(_) => self.stop(),
        }
        Some(result)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the epoch early.
        let left = self.coming.len() + self.builder.batches().saturating_sub(self.next);
        (0, Some(left))
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.stop();
    }
}
