//! Bounds the memory of all pictures that are decoded at once, over all threads.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

/// Bytes that decoding takes at once in the whole process, on few processors. One picture may take more; it then is alone.
const LEAST_BUDGET: u64 = 1 << 30;
/// Bytes for each processor where there are many: a photo of 12 megapixels takes 75 MB at most.
const BUDGET_EACH: u64 = 96 << 20;

/// The budget of the process.
static PROCESS: LazyLock<Arc<Budget>> = LazyLock::new(|| {
    let processors = available_parallelism().map_or(1, NonZero::get) as u64;
    Arc::new(Budget::new(LEAST_BUDGET.max(BUDGET_EACH * processors)))
});

thread_local! {
    /// Whether the pictures that this thread decodes keep their reservations.
    static IS_HOLDING: Cell<bool> = const { Cell::new(false) };
}

/// Lets the pictures that `decode` decodes on this thread keep their share of the memory for decoding until they are dropped,
/// so that the pictures that many threads work on are bounded too. Without it they give it back when they are decoded, and any
/// number of them can be kept.
///
/// For a thread that works on one picture at a time: it must drop a picture before it decodes the next, and before it waits
/// for another thread that decodes, because other threads, and the next picture, may wait for the memory.
pub fn holding_memory<T>(decode: impl FnOnce() -> T) -> T {
    /// Ends the scope even if a decoder panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            IS_HOLDING.set(self.0);
        }
    }
    let _before = Before(IS_HOLDING.replace(true));
    decode()
}

/// Whether pictures that are decoded now keep their reservations.
pub(crate) fn is_holding() -> bool {
    IS_HOLDING.get()
}

/// Waits until decoding may take `bytes` more. A thread that holds a reservation must not ask for another: two such threads
/// would wait for each other.
pub(super) fn reserve(bytes: u64) -> Reservation {
    #[cfg(test)]
    if let Some(budget) = tests::BUDGET.with_borrow(Option::clone) {
        return budget.reserve(bytes);
    }
    PROCESS.reserve(bytes)
}

/// Memory that threads share. They are served in the order in which they ask, so that many small pictures do not keep a
/// large one waiting for ever.
#[derive(Debug)]
struct Budget {
    limit: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    used: u64,
    next_ticket: u64,
    served: u64,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    fn new(limit: u64) -> Self {
        Self {
            limit,
            state: Mutex::new(State {
                used: 0,
                next_ticket: 0,
                served: 0,
            }),
            changed: Condvar::new(),
        }
    }

    fn reserve(self: &Arc<Self>, bytes: u64) -> Reservation {
        let mut state = self.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let fits = |state: &State| state.used == 0 || state.used.saturating_add(bytes) <= self.limit;
        let mut state = self
            .changed
            .wait_while(state, |state| state.served != ticket || !fits(state))
            .unwrap_or_else(PoisonError::into_inner);
        state.used = state.used.saturating_add(bytes);
        state.served += 1;
        drop(state);
        self.changed.notify_all();
        Reservation {
            budget: Arc::clone(self),
            bytes,
        }
    }

    /// No code that may panic runs under the lock, so its content is whole even if the lock is poisoned.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Gives back what the picture of a decoder that is done, `bytes` large, does not keep.
    pub(super) fn keep_decoded(&mut self, bytes: u64) {
        self.shrink_to(if is_holding() { bytes } else { 0 });
    }

    /// Gives back all but `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.give_back(less);
    }

    fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            let mut state = self.budget.lock();
            state.used = state.used.saturating_sub(bytes);
            drop(state);
            self.budget.changed.notify_all();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::decode::{DecodeOptions, decode_bytes_with};
    use crate::picture::Picture;

    thread_local! {
        /// The budget of this thread, instead of the process's.
        pub(super) static BUDGET: RefCell<Option<Arc<Budget>>> = const { RefCell::new(None) };
    }

    /// A picture of 300 bytes of pixels in a file.
    fn picture_file() -> Vec<u8> {
        let mut file = std::io::Cursor::new(Vec::new());
        let image = image::RgbImage::from_fn(10, 10, |x, y| image::Rgb([x as u8, y as u8, 9]));
        image.write_to(&mut file, image::ImageFormat::Bmp).unwrap();
        file.into_inner()
    }

    /// Runs `work` on a thread with this budget; fails if it takes a minute.
    fn within(budget: &Arc<Budget>, work: impl FnOnce() + Send + 'static) {
        let (done, is_done) = mpsc::channel();
        let budget = Arc::clone(budget);
        thread::spawn(move || {
            BUDGET.set(Some(budget));
            work();
            done.send(()).unwrap();
        });
        let waited = is_done.recv_timeout(Duration::from_secs(60));
        waited.expect("the thread waits for memory, or failed");
    }

    /// The largest budget in which one picture is decoded at a time.
    fn budget_of_one(file: &[u8]) -> Arc<Budget> {
        Arc::new(Budget::new(file.len() as u64 + 301))
    }

    #[test]
    fn any_number_of_decoded_pictures_can_be_kept_on_one_thread() {
        let file = picture_file();
        let budget = budget_of_one(&file);
        let inside = Arc::clone(&budget);
        within(&budget, move || {
            let decode = || decode_bytes_with(&file, &DecodeOptions::default()).unwrap();
            let decoded: Vec<_> = (0..20).map(|_| decode()).collect();
            let pictures: Vec<_> = (0..20).map(|_| Picture::from(decode())).collect();
            assert_eq!(inside.lock().used, 0);
            assert!(pictures.iter().all(|picture| **picture == decoded[0].image));
        });
    }

    #[test]
    fn a_held_picture_counts_until_it_is_dropped() {
        let file = picture_file();
        let budget = budget_of_one(&file);
        let inside = Arc::clone(&budget);
        within(&budget, move || {
            let decode = || decode_bytes_with(&file, &DecodeOptions::default()).unwrap();
            for _ in 0..3 {
                let held = holding_memory(decode);
                assert_eq!(inside.lock().used, 300);
                let picture = Picture::from(held);
                assert_eq!(inside.lock().used, 300);
                drop(picture);
                assert_eq!(inside.lock().used, 0);
            }
            let shared = Picture::from(holding_memory(decode)).into_shared();
            assert_eq!((inside.lock().used, shared.len()), (0, 300));
            // The scope ends where it should, with a panic too.
            assert!(holding_memory(|| holding_memory(is_holding) && is_holding()) && !is_holding());
            assert!(std::panic::catch_unwind(|| holding_memory(|| panic!("a decoder's"))).is_err());
            assert!(!is_holding());
        });
    }

    /// Runs `sizes` on a thread each and returns the most that they held at once.
    fn most_at_once(budget: &Arc<Budget>, sizes: &[u64]) -> u64 {
        let (held, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for &bytes in sizes {
                let (held, most) = (&held, &most);
                scope.spawn(move || {
                    for _ in 0..50 {
                        let reservation = budget.reserve(bytes);
                        let now = held.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        thread::yield_now();
                        held.fetch_sub(bytes, Ordering::SeqCst);
                        drop(reservation);
                    }
                });
            }
        });
        most.into_inner()
    }

    #[test]
    fn threads_together_stay_within_the_budget() {
        let budget = Arc::new(Budget::new(100));
        assert!(most_at_once(&budget, &[60, 60, 30, 30, 10, 1, 0]) <= 100);
        assert_eq!(budget.lock().used, 0);
    }

    #[test]
    fn what_is_given_back_early_serves_another() {
        let budget = Arc::new(Budget::new(100));
        let mut first = budget.reserve(90);
        first.shrink_to(40);
        first.shrink_to(50);
        assert_eq!(budget.lock().used, 40);
        drop(budget.reserve(60));
        drop(first);
        assert_eq!(budget.lock().used, 0);
    }

    #[test]
    fn more_than_the_budget_is_decoded_alone() {
        let budget = Arc::new(Budget::new(100));
        assert_eq!(most_at_once(&budget, &[250, 250, 40]), 250);
    }

    #[test]
    fn a_large_picture_is_not_overtaken() {
        let budget = Arc::new(Budget::new(100));
        let first = budget.reserve(50);
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            let waits = |ticket: u64, bytes| {
                let (budget, order) = (&budget, &order);
                scope.spawn(move || {
                    let reservation = budget.reserve(bytes);
                    order.lock().unwrap().push(bytes);
                    drop(reservation);
                });
                while budget.lock().next_ticket != ticket {
                    thread::yield_now();
                }
            };
            waits(2, 100);
            // It would fit now, but the large one asked before.
            waits(3, 10);
            drop(first);
        });
        assert_eq!(order.into_inner().unwrap(), [100, 10]);
    }
}
