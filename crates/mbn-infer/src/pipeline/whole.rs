//! The memory of whole pictures, of any size, which wait for a network that resizes them itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of pictures that may wait for each thread that decodes: one photo of 12 megapixels has 36 MB.
const BYTES_EACH: u64 = 48 << 20;

/// Bytes of pictures that may wait with few threads.
const LEAST_BYTES: u64 = 128 << 20;

/// A chunk takes no further picture when it has this part of all bytes, so that the next one is decoded while it is classified.
const PART: u64 = 4;

/// The bytes of the whole pictures that are decoded and have no results yet, in all chunks. Nothing waits for them to become fewer,
/// so that no thread can wait for another: a chunk ends early instead, and a new one is begun later. Each chunk has one picture, and
/// each thread may be at one.
#[derive(Debug)]
pub(super) struct WholePictures {
    bytes: Arc<AtomicU64>,
    limit: u64,
}

/// The bytes of a chunk's pictures. They count until this is dropped.
#[derive(Debug)]
pub struct Held {
    own: AtomicU64,
    all: Arc<AtomicU64>,
}

/// The places of a chunk's inputs, in their order, up to where the chunk ends.
pub(super) struct Places<'a> {
    all: &'a WholePictures,
    held: &'a Held,
    len: usize,
    /// The next place, and whether the chunk ends before it.
    next: Mutex<(usize, bool)>,
}

impl WholePictures {
    /// None yet, of a pipeline with so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self::with_limit(LEAST_BYTES.max(BYTES_EACH * threads as u64))
    }

    pub(super) fn with_limit(limit: u64) -> Self {
        Self {
            bytes: Arc::default(),
            limit,
        }
    }

    /// Whether there are so many that no chunk should be begun for more.
    pub(super) fn are_many(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.limit
    }

    /// For a chunk that has no pictures yet.
    pub(super) fn hold(&self) -> Held {
        Held {
            own: AtomicU64::new(0),
            all: Arc::clone(&self.bytes),
        }
    }

    /// For a chunk with `len` inputs.
    pub(super) fn places<'a>(&'a self, held: &'a Held, len: usize) -> Places<'a> {
        Places {
            all: self,
            held,
            len,
            next: Mutex::default(),
        }
    }
}

impl Held {
    /// Counts a picture of so many bytes.
    pub(super) fn add(&self, bytes: u64) {
        self.own.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.own.get_mut(), Ordering::Relaxed);
    }
}

impl Places<'_> {
    /// The next input to decode. What is given out is the beginning of the chunk without gaps, and never nothing.
    pub(super) fn next(&self) -> Option<usize> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, is_over) = &mut *next;
        let own = self.held.own.load(Ordering::Relaxed);
        let is_full = self.all.are_many() || own >= self.all.limit / PART;
        *is_over = *is_over || *place == self.len || (*place > 0 && is_full);
        (!*is_over).then(|| {
            *place += 1;
            *place - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_ends_where_there_are_many_bytes_and_goes_on_no_more() {
        let all = WholePictures::with_limit(400);
        let held = all.hold();
        let places = all.places(&held, 9);
        assert_eq!((places.next(), places.next()), (Some(0), Some(1)));
        held.add(99);
        assert_eq!(places.next(), Some(2));
        held.add(1);
        assert_eq!(places.next(), None);
        // Those of another chunk count too, but each chunk has one picture.
        let other = all.hold();
        other.add(300);
        assert!(all.are_many());
        let third = all.hold();
        let few = all.places(&third, 2);
        assert_eq!((few.next(), few.next()), (Some(0), None));
        drop(other);
        assert!(!all.are_many());
        // What was left out is the beginning of another chunk.
        assert_eq!((few.next(), places.next()), (None, None));
        drop((held, third));
        assert_eq!(all.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_end_of_a_chunk_is_the_end() {
        let all = WholePictures::new(2);
        let held = all.hold();
        let places = all.places(&held, 1);
        assert_eq!((places.next(), places.next()), (Some(0), None));
        assert_eq!(all.places(&held, 0).next(), None);
    }
}
