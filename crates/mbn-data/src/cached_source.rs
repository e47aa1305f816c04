//! A source that keeps decoded images in memory.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use image::RgbImage;

use crate::decode::DecodeError;
use crate::image_source::ImageSource;
use crate::picture::Picture;

/// Keeps decoded images of another source in memory until a budget is used up. The first images stay: an epoch reads
/// every image once, so a cache that dropped the oldest would never find one.
pub struct CachedSource {
    inner: Arc<dyn ImageSource>,
    kept: Vec<OnceLock<Arc<RgbImage>>>,
    budget: u64,
    used: AtomicU64,
}

impl CachedSource {
    /// Wraps a source. The budget counts bytes of pixels.
    pub fn new(inner: Arc<dyn ImageSource>, budget: u64) -> Self {
        let kept = (0..inner.len()).map(|_| OnceLock::new()).collect();
        Self {
            inner,
            kept,
            budget,
            used: AtomicU64::new(0),
        }
    }

    /// Bytes of pixels in memory now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` from the budget and returns whether they fit.
    fn reserve(&self, bytes: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.budget);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }
}

impl ImageSource for CachedSource {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn class_names(&self) -> &[String] {
        self.inner.class_names()
    }

    fn label(&self, index: usize) -> u32 {
        self.inner.label(index)
    }

    fn path(&self, index: usize) -> &Path {
        self.inner.path(index)
    }

    fn check(&self, index: usize) -> Result<(), DecodeError> {
        self.inner.check(index)
    }

    fn load(&self, index: usize) -> Result<Picture, DecodeError> {
        if let Some(image) = self.kept[index].get() {
            return Ok(Arc::clone(image).into());
        }
        let picture = self.inner.load(index)?;
        let bytes = picture.len() as u64;
        if !self.reserve(bytes) {
            return Ok(picture);
        }
        let image = picture.into_shared();
        if self.kept[index].set(Arc::clone(&image)).is_err() {
            // Another worker stored the same image first.
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(image.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_source::tests::Numbered;

    #[test]
    fn images_within_the_budget_are_decoded_once() {
        let inner = Arc::new(Numbered::new(4));
        let bytes = 40 * 36 * 3;
        let cached = CachedSource::new(inner.clone(), 2 * bytes + 1);
        let first: Vec<_> = (0..4).map(|i| cached.load(i).unwrap().into_shared()).collect();
        let second: Vec<_> = (0..4).map(|i| cached.load(i).unwrap().into_shared()).collect();
        assert_eq!(first, second);
        assert_eq!(cached.used(), 2 * bytes);
        assert_eq!(inner.loads.load(Ordering::Relaxed), 4 + 2);
    }

    #[test]
    fn a_failure_is_not_kept() {
        let inner = Arc::new(Numbered {
            broken: Some(1),
            ..Numbered::new(2)
        });
        let cached = CachedSource::new(inner, u64::MAX);
        assert!(cached.load(1).is_err());
        assert!(cached.load(1).is_err());
        assert!(cached.load(0).is_ok());
    }
}
