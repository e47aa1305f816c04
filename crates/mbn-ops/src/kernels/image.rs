//! Decoded pictures to the network's input.

mod packing;

use candle_core::Result;

pub use packing::Packing;

use super::geometry::THREADS;
use super::stream::{Launch, MAX_GRID_Y, Pointer, Stream};

/// A decoded picture, or the part of one, that becomes `[3, size, size]`.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// `[height, width, 3]`
    pub pixels: &'a [u8],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Makes `size` rows of `height`, which are rounded to bytes.
    pub rows: Filter<'a>,
    /// Then makes `size` columns of `width`.
    pub columns: Filter<'a>,
    /// Whether the result is mirrored from left to right.
    pub is_mirrored: bool,
}

/// How the pixels along one axis become `size` ones: result `i` is the sum of `weights[i * taps + j]` times pixel
/// `starts[i] + j` over `j`, and of half of `2^shift`, divided by `2^shift` with rounding down, and bounded to a byte.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// Pixels that each result is made of.
    pub taps: usize,
    /// Bits of a weight after the point, 1 to 21. The weights of a result sum to about `2^shift`.
    pub shift: u32,
    /// First pixel that each result is made of, `[size]`.
    pub starts: &'a [u32],
    /// `[size, taps]`
    pub weights: &'a [i16],
}

/// Pictures in a device's memory, as [`Packing`] lays them out, and their normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Images<'a> {
    /// The memory's first byte, at a multiple of 16.
    pub memory: Pointer,
    /// What is where in it.
    pub packing: &'a Packing,
    /// Mean of each channel, of values from 0 to 1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel.
    pub std: [f32; 3],
}

/// Resizes and mirrors pictures and writes `(byte / 255 - mean) / std` of each to `out`, `[N, 3, size, size]`, float32.
///
/// # Errors
/// If the stream fails.
pub fn resize_images(stream: &impl Stream, images: Images, out: Pointer) -> Result<()> {
    let Images { memory, packing, .. } = images;
    let (n, size) = (packing.pictures(), packing.size());
    let grid = [(size * size).div_ceil(THREADS), n.min(MAX_GRID_Y)];
    let launch = Launch::new("image", "resize_images", grid, [THREADS, 1])?
        .pointers(&[memory, memory + packing.table() as Pointer, out])
        .ints(&[n, size])?
        .floats(&images.mean)
        .floats(&images.std);
    stream.launch(&launch)
}
