//! Decoded pictures to the network's input.

use candle_core::Result;

use super::geometry::THREADS;
use super::stream::{Launch, MAX_GRID_Y, Pointer, Stream};

/// Decoded pictures of one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Images {
    /// `[N, height, width, 3]`, unsigned bytes.
    pub pixels: Pointer,
    /// Pictures.
    pub n: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
    /// `[N, 3]`, 32-bit integers: first row and column of each crop, and 1 if it is to be mirrored from left to
    /// right, else 0. Where a crop reaches beyond its picture, the picture's edge is repeated.
    pub crops: Pointer,
    /// Mean of each channel, of values from 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
}

/// Writes `(byte / 255 - mean) / std` of each crop to `out`, `[N, 3, size, size]`, float32.
///
/// # Errors
/// If the stream fails.
pub fn prepare_images(stream: &impl Stream, images: Images, size: usize, out: Pointer) -> Result<()> {
    let grid = [(size * size).div_ceil(THREADS), images.n.min(MAX_GRID_Y)];
    let launch = Launch::new("image", "prepare_images", grid, [THREADS, 1])?
        .pointers(&[images.pixels, images.crops, out])
        .ints(&[images.n, images.height, images.width, size])?
        .floats(&images.mean)
        .floats(&images.std);
    stream.launch(&launch)
}
