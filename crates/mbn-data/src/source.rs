//! Labelled pictures, wherever they come from, and a cache of decoded ones.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use image::RgbImage;

use crate::decode::DecodeError;

/// Labelled pictures, each known by its index.
pub trait Source: Send + Sync {
    /// Number of pictures.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of the classes, in the order of the labels.
    fn class_names(&self) -> &[String];

    /// Class of picture `index`.
    ///
    /// # Panics
    /// If there is no such picture.
    fn label(&self, index: usize) -> u32;

    /// File that picture `index` is read from.
    ///
    /// # Panics
    /// If there is no such picture.
    fn path(&self, index: usize) -> &Path;

    /// Decodes picture `index`.
    ///
    /// # Errors
    /// [`DecodeError`] naming the file.
    ///
    /// # Panics
    /// If there is no such picture.
    fn load(&self, index: usize) -> Result<Arc<RgbImage>, DecodeError>;

    /// Refuses picture `index` for what shows without decoding its pixels; a source whose files were read when it was
    /// opened has nothing left to refuse.
    ///
    /// # Errors
    /// [`DecodeError`] naming the file.
    ///
    /// # Panics
    /// If there is no such picture.
    fn check(&self, _index: usize) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Keeps decoded pictures of another source in memory, as long as they fit in a number of bytes. Those that
/// came first stay: an epoch reads every picture once, so that dropping the oldest would lose them all.
pub struct CachedSource {
    inner: Arc<dyn Source>,
    kept: Vec<OnceLock<Arc<RgbImage>>>,
    budget: u64,
    used: AtomicU64,
}

impl CachedSource {
    /// Wraps a source; `budget` is in bytes of pixels.
    pub fn new(inner: Arc<dyn Source>, budget: u64) -> Self {
        let kept = (0..inner.len()).map(|_| OnceLock::new()).collect();
        Self {
            inner,
            kept,
            budget,
            used: AtomicU64::new(0),
        }
    }

    /// Bytes of pixels that are kept now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes` from the budget, if they are there.
    fn reserve(&self, bytes: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.budget);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }
}

impl Source for CachedSource {
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

    fn load(&self, index: usize) -> Result<Arc<RgbImage>, DecodeError> {
        if let Some(image) = self.kept[index].get() {
            return Ok(Arc::clone(image));
        }
        let image = self.inner.load(index)?;
        let bytes = image.len() as u64;
        if self.reserve(bytes) && self.kept[index].set(Arc::clone(&image)).is_err() {
            // Another worker was faster.
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(image)
    }
}

/// A quarter of the memory that is free now, for [`CachedSource`]; 4 GiB where the system does not say.
pub fn default_cache_budget() -> u64 {
    const FALLBACK: u64 = 4 << 30;
    available_memory().map_or(FALLBACK, |bytes| bytes / 4)
}

/// Bytes that can be allocated: what Linux calls available, and no more than a container is allowed.
fn available_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let available = parse_available(&meminfo)?;
    let group = |name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse().ok()
    };
    let allowed = group("memory.max").zip(group("memory.current"));
    let left = allowed.map_or(u64::MAX, |(max, current)| max.saturating_sub(current));
    Some(available.min(left))
}

fn parse_available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::decode::DecodeErrorKind;

    /// Small pictures whose pixels tell their index; some may be broken.
    pub(crate) struct Numbered {
        pub classes: Vec<String>,
        pub paths: Vec<PathBuf>,
        pub broken: Option<usize>,
        pub loads: AtomicUsize,
    }

    impl Numbered {
        pub(crate) fn new(len: usize) -> Self {
            Self {
                classes: vec!["even".to_owned(), "odd".to_owned()],
                paths: (0..len).map(|i| PathBuf::from(format!("{i}.png"))).collect(),
                broken: None,
                loads: AtomicUsize::new(0),
            }
        }
    }

    impl Source for Numbered {
        fn len(&self) -> usize {
            self.paths.len()
        }
        fn class_names(&self) -> &[String] {
            &self.classes
        }
        fn label(&self, index: usize) -> u32 {
            (index % 2) as u32
        }
        fn path(&self, index: usize) -> &Path {
            &self.paths[index]
        }
        fn load(&self, index: usize) -> Result<Arc<RgbImage>, DecodeError> {
            self.loads.fetch_add(1, Ordering::Relaxed);
            if self.broken == Some(index) {
                return Err(DecodeError {
                    path: self.paths[index].clone(),
                    kind: DecodeErrorKind::Empty,
                });
            }
            let pixel = |x, y| image::Rgb([index as u8, x as u8 * 5, y as u8 * 7]);
            Ok(Arc::new(RgbImage::from_fn(40, 36, pixel)))
        }
    }

    #[test]
    fn decodes_once_what_fits_and_again_what_does_not() {
        let inner = Arc::new(Numbered::new(4));
        let bytes = 40 * 36 * 3;
        let cached = CachedSource::new(inner.clone(), 2 * bytes + 1);
        let first: Vec<_> = (0..4).map(|i| cached.load(i).unwrap()).collect();
        let second: Vec<_> = (0..4).map(|i| cached.load(i).unwrap()).collect();
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

    #[test]
    fn reads_what_linux_says_of_its_memory() {
        let text = "MemTotal:       24000000 kB\nMemFree: 1 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(parse_available(text), Some(2 << 20));
        assert_eq!(parse_available("MemTotal: 1 kB\n"), None);
    }
}
