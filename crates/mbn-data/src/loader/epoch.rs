//! The batches of one epoch, in order.
//!
//! A few builder threads make whole batches in turn, each dividing its batch's pictures among the workers of
//! the shared pool. With two of them the workers are busy with the next batch while the last pictures of one
//! are still being decoded, and batches need no reordering: builder `b` makes the batches `b`, `b + 2`, ...

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Batch, LoaderError, Plan};

/// Threads that make batches in turn.
const BUILDERS: usize = 2;

/// The batches of one epoch, in order. After an error there are no more. Dropping it stops the work.
pub struct Epoch {
    /// One for each builder; batch `b` comes from `b % BUILDERS`.
    receivers: Vec<Receiver<Result<Batch, LoaderError>>>,
    builders: Vec<JoinHandle<()>>,
    cancelled: Arc<AtomicBool>,
    next: usize,
    batches: usize,
}

impl Epoch {
    /// The batches from `first` on.
    pub(super) fn start(plan: Plan, first: usize) -> Self {
        let plan = Arc::new(plan);
        let mut started = Self {
            receivers: Vec::new(),
            builders: Vec::new(),
            cancelled: Arc::clone(&plan.cancelled),
            next: first.min(plan.batches()),
            batches: plan.batches(),
        };
        // A builder holds one batch beside those in its queue.
        let capacity = (plan.prefetch / BUILDERS).saturating_sub(1);
        for builder in 0..BUILDERS {
            let (sender, receiver) = bounded(capacity);
            started.receivers.push(receiver);
            let plan = Arc::clone(&plan);
            // The first batch from `first` on whose turn it is.
            let first = first + (builder + BUILDERS - first % BUILDERS) % BUILDERS;
            let thread = Builder::new().name(format!("mbn-data-batch-{builder}"));
            // Without the thread its queue is closed, which the consumer takes for `Stopped`.
            if let Ok(handle) = thread.spawn(move || build_every(&plan, first, &sender)) {
                started.builders.push(handle);
            }
        }
        started
    }

    fn stop(&mut self) {
        self.next = self.batches;
        self.cancelled.store(true, Ordering::Relaxed);
        self.receivers.clear();
        for builder in self.builders.drain(..) {
            // If it panicked, its message is on stderr and the consumer has got `Stopped`.
            let _ = builder.join();
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

fn build_every(plan: &Plan, first: usize, sender: &Sender<Result<Batch, LoaderError>>) {
    for batch in (first..plan.batches()).step_by(BUILDERS) {
        let result = plan.build(batch);
        let failed = result.is_err();
        if plan.cancelled.load(Ordering::Relaxed) || sender.send(result).is_err() || failed {
            return;
        }
    }
}
