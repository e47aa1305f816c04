//! Dense 3x3 convolution on the image. A block loads a tile of the image into shared memory, a thread keeps the
//! weights of its channels in registers.

use candle_core::Result;

use super::batch_norm::finish_weight;
use super::columns::{Sums, UpstreamPointers, parts};
use super::geometry::{ConvShape, TileSizes, Tiles, is_wide};
use super::stream::{ElementType, Launch, Pointer, Stream, variant};

/// Rows and columns of the result in a tile.
const TILE: [usize; 2] = [8, 16];
/// Weights of a channel.
const TAPS: usize = 27;

/// Tiles of the result. The variant for their usual size has the usual stride, too.
fn tiles(stream: &impl Stream, shape: ConvShape, each: usize, wide: bool) -> Tiles {
    let known: &[_] = if wide && shape.conv.stride == 2 {
        &[TILE]
    } else {
        &[]
    };
    let sizes = TileSizes { most: TILE, known };
    Tiles::new(stream, [shape.n, shape.oh, shape.ow], shape.c, each, sizes)
}

/// Bytes of shared memory for the part of the image that a tile reads, in values of `bytes` bytes.
fn shared(tiles: &Tiles, stride: usize, bytes: usize) -> usize {
    let [height, width] = tiles.tile.map(|size| (size - 1) * stride + 3);
    3 * height * width * bytes
}

/// The precision of the forward pass's sums.
#[derive(Clone, Copy)]
pub(super) enum Precision {
    /// A thread takes one channel.
    Float64,
    Float32,
}

/// The tiles of the forward pass and the shared memory of a block.
pub(super) fn forward(
    stream: &impl Stream,
    precision: Precision,
    shape: ConvShape,
    wide: bool,
) -> (Tiles, usize) {
    let (each, bytes) = match precision {
        Precision::Float64 => (1, size_of::<f64>()),
        Precision::Float32 if wide => (2, size_of::<f32>()),
        Precision::Float32 => (1, size_of::<f32>()),
    };
    let tiles = tiles(stream, shape, each, wide);
    let bytes = shared(&tiles, shape.conv.stride, bytes).max(tiles.shared());
    (tiles, bytes)
}

/// Convolves `image` `[N, 3, H, W]`, float32, with `weight` `[C, 3, 3, 3]`; writes `out`, `[N, OH, OW, C]`.
///
/// # Errors
/// If the stream fails.
pub fn stem(
    stream: &impl Stream,
    element: ElementType,
    shape: ConvShape,
    image: Pointer,
    weight: Pointer,
    out: Pointer,
) -> Result<Sums> {
    let wide = is_wide(element, shape.c, &[out]);
    // As on the CPU: every batch norm after a float32 result amplifies the rounding of the first layer.
    let precision = match element {
        ElementType::F32 => Precision::Float64,
        ElementType::Bf16 => Precision::Float32,
    };
    let (tiles, bytes) = forward(stream, precision, shape, wide);
    let pointer = parts(stream, tiles.grid[1], 2, shape.c)?;
    let (module, kernel) = match tiles.known {
        true => variant!("stem", "stem_s2_8x16", element, wide),
        false => variant!("stem", "stem", element, wide),
    };
    let launch = Launch::new(module, kernel, tiles.grid, tiles.block)?
        .shared(bytes)?
        .pointers(&[image, weight, out, pointer])
        .ints(&shape.ints())?
        .ints(&[shape.conv.stride])?
        .ints(&tiles.tile)?;
    stream.launch(&launch)?;
    Ok(Sums {
        pointer,
        parts: tiles.grid[1],
        c: shape.c,
    })
}

/// Writes the gradient of [`stem`]'s weight, `[C, 3, 3, 3]`.
///
/// # Errors
/// If the stream fails.
pub fn stem_backward(
    stream: &impl Stream,
    element: ElementType,
    shape: ConvShape,
    upstream: UpstreamPointers,
    image: Pointer,
    out: Pointer,
) -> Result<()> {
    let wide = is_wide(element, shape.c, &[upstream.activation.raw, upstream.gradient]);
    let each = if wide { 2 } else { 1 };
    let tiles = tiles(stream, shape, each, wide);
    let bytes = shared(&tiles, shape.conv.stride, size_of::<f32>()).max(tiles.shared());
    let pointer = parts(stream, tiles.grid[1], TAPS, shape.c)?;
    let (module, kernel) = match tiles.known {
        true => variant!("stem", "stem_backward_s2_8x16", element, wide),
        false => variant!("stem", "stem_backward", element, wide),
    };
    let launch = Launch::new(module, kernel, tiles.grid, tiles.block)?
        .shared(bytes)?
        .pointers(&upstream.pointers())
        .pointers(&[image, pointer])
        .ints(&shape.ints())?
        .ints(&[shape.conv.stride])?
        .ints(&tiles.tile)?;
    stream.launch(&launch)?;
    let sums = Sums {
        pointer,
        parts: tiles.grid[1],
        c: shape.c,
    };
    finish_weight(stream, sums, TAPS, out)
}
