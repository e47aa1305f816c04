//! Labelled images, wherever they come from.

use crate::decode::DecodeError;
use crate::picture::Picture;
use std::path::Path;

/// Labelled images, each known by its index.
pub trait ImageSource: Send + Sync {
    /// Number of images.
    fn len(&self) -> usize;

    /// Whether there are no images.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Class names, in the order of the labels.
    fn class_names(&self) -> &[String];

    /// Class of image `index`.
    ///
    /// # Panics
    /// If there is no such image.
    fn label(&self, index: usize) -> u32;

    /// File that holds image `index`.
    ///
    /// # Panics
    /// If there is no such image.
    fn path(&self, index: usize) -> &Path;

    /// Decodes image `index`. A [`Loader`](crate::Loader) calls it within [`holding_memory`](crate::holding_memory).
    ///
    /// # Errors
    /// [`DecodeError`] with the file's path.
    ///
    /// # Panics
    /// If there is no such image.
    fn load(&self, index: usize) -> Result<Picture, DecodeError>;

    /// Checks image `index` without decoding its pixels. A source that checked its files when it was opened accepts
    /// every image.
    ///
    /// # Errors
    /// [`DecodeError`] with the file's path.
    ///
    /// # Panics
    /// If there is no such image.
    fn check(&self, _index: usize) -> Result<(), DecodeError> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::decode::DecodeErrorKind;

    /// Small images whose pixels tell their index; one may be broken.
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

    impl ImageSource for Numbered {
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
        fn load(&self, index: usize) -> Result<Picture, DecodeError> {
            self.loads.fetch_add(1, Ordering::Relaxed);
            if self.broken == Some(index) {
                return Err(DecodeError {
                    path: self.paths[index].clone(),
                    kind: DecodeErrorKind::Empty,
                });
            }
            let pixel = |x, y| image::Rgb([index as u8, x as u8 * 5, y as u8 * 7]);
            Ok(image::RgbImage::from_fn(40, 36, pixel).into())
        }
    }
}
