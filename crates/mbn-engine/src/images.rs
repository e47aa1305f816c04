//! Decoded pictures in buffers that are used again.

use std::ops::Deref;
use std::sync::mpsc::Sender;

/// The values of decoded images; when they are dropped their memory serves the next.
pub struct Images {
    values: Vec<f32>,
    recycle: Option<Sender<Vec<f32>>>,
}

impl Images {
    /// Values whose memory `recycle` gets back when they are dropped.
    pub fn recycled(values: Vec<f32>, recycle: Sender<Vec<f32>>) -> Self {
        Self {
            values,
            recycle: Some(recycle),
        }
    }
}

impl From<Vec<f32>> for Images {
    fn from(values: Vec<f32>) -> Self {
        Self {
            values,
            recycle: None,
        }
    }
}

impl Deref for Images {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        if let Some(recycle) = &self.recycle {
            // The producer of the last chunk may have ended.
            let _ = recycle.send(std::mem::take(&mut self.values));
        }
    }
}
