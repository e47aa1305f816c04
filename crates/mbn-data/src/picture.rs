//! A picture in memory.

use std::ops::Deref;
use std::sync::Arc;

use image::RgbImage;

use crate::decode::{Decoded, Reservation};

/// The pixels of a picture, which others may share. If it was decoded within [`holding_memory`](crate::holding_memory), it keeps
/// its share of the memory for decoding: until it is dropped, large pictures on other threads may wait.
#[derive(Debug)]
pub struct Picture {
    image: Arc<RgbImage>,
    _memory: Option<Reservation>,
}

impl Picture {
    /// The pixels, to be kept: they no longer count as memory for decoding.
    pub fn into_shared(self) -> Arc<RgbImage> {
        self.image
    }
}

impl Deref for Picture {
    type Target = RgbImage;

    fn deref(&self) -> &RgbImage {
        &self.image
    }
}

impl From<Arc<RgbImage>> for Picture {
    fn from(image: Arc<RgbImage>) -> Self {
        Self { image, _memory: None }
    }
}

impl From<RgbImage> for Picture {
    fn from(image: RgbImage) -> Self {
        Arc::new(image).into()
    }
}

impl From<Decoded> for Picture {
    fn from(decoded: Decoded) -> Self {
        Self {
            image: Arc::new(decoded.image),
            _memory: Some(decoded.memory),
        }
    }
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        self.image == other.image
    }
}

impl Eq for Picture {}
