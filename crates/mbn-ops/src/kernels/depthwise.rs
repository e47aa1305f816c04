//! Depthwise 3x3 convolution. A block takes 32 channels of a tile, whose input it loads into shared memory once.

use candle_core::Result;

use super::batch_norm::finish_gradients;
use super::columns::{LazyActivationPointers, ParameterGradientPointers, Sums, UpstreamPointers, parts};
use super::geometry::{ConvShape, Tiles, is_wide};
use super::stream::{ElementType, Launch, Pointer, Stream, variant};

/// Channels of a thread where channels are loaded 16 bytes at once.
const EACH: usize = 2;
/// Taps of a channel.
const TAPS: usize = 9;

/// Most rows and columns of the result in a tile: sizes of the network are multiples of 7 and 14.
pub(super) fn forward_tile(stride: usize) -> [usize; 2] {
    if stride == 1 { [14, 14] } else { [7, 7] }
}

/// Bytes of the input that a tile reads, in float32.
pub(super) fn forward_shared(tiles: &Tiles, stride: usize) -> usize {
    let [height, width] = tiles.tile.map(|size| (size - 1) * stride + 3);
    height * width * tiles.channels * size_of::<f32>()
}

/// Convolves the activation `input` with `weight` `[C, 1, 3, 3]`; writes `out`, `[N, OH, OW, C]`.
///
/// # Errors
/// If the stream fails.
pub fn depthwise(
    stream: &impl Stream,
    element: ElementType,
    shape: ConvShape,
    input: LazyActivationPointers,
    weight: Pointer,
    out: Pointer,
) -> Result<Sums> {
    let wide = is_wide(element, shape.c, &[input.raw, out]);
    let stride = shape.conv.stride;
    let each = if wide { EACH } else { 1 };
    let tiles = Tiles::new(
        stream,
        [shape.n, shape.oh, shape.ow],
        shape.c,
        each,
        forward_tile(stride),
    );
    let pointer = parts(stream, tiles.grid[1], 2, shape.c)?;
    let kernel = match stride {
        1 => variant!("depthwise_s1", element, wide),
        _ => variant!("depthwise_s2", element, wide),
    };
    let launch = Launch::new("depthwise", kernel, tiles.grid, tiles.block)?
        .shared(forward_shared(&tiles, stride).max(tiles.shared()))?
        .pointers(&[input.raw, input.constants, weight, out, pointer])
        .ints(&shape.ints())?
        .ints(&tiles.tile)?
        .floats(&[input.max]);
    stream.launch(&launch)?;
    Ok(Sums {
        pointer,
        parts: tiles.grid[1],
        c: shape.c,
    })
}

/// Where [`depthwise_backward`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthwiseGradients {
    /// The gradient of batch norm's result in the layer before: `[N, H, W, C]`.
    pub input: Pointer,
    /// Of that batch norm's parameters.
    pub parameters: ParameterGradientPointers,
    /// `[C, 1, 3, 3]`
    pub weight: Pointer,
}

/// All gradients of [`depthwise`] in one pass.
///
/// # Errors
/// If the stream fails.
pub fn depthwise_backward(
    stream: &impl Stream,
    element: ElementType,
    shape: ConvShape,
    upstream: UpstreamPointers,
    input: LazyActivationPointers,
    weight: Pointer,
    out: DepthwiseGradients,
) -> Result<()> {
    let loaded = [upstream.activation.raw, upstream.gradient, input.raw, out.input];
    let wide = is_wide(element, shape.c, &loaded);
    let each = if wide { EACH } else { 1 };
    let stride = shape.conv.stride;
    let tiles = backward_tiles(stream, element, shape, each);
    let pointer = parts(stream, tiles.grid[1], 2 + TAPS, shape.c)?;
    let kernel = match stride {
        1 => variant!("depthwise_backward_s1", element, wide),
        _ => variant!("depthwise_backward_s2", element, wide),
    };
    let launch = Launch::new("depthwise_backward", kernel, tiles.grid, tiles.block)?
        .shared(backward_shared(&tiles, stride, element).max(tiles.shared()))?
        .pointers(&upstream.pointers())
        .pointers(&[input.raw, input.constants, weight, out.input, pointer])
        .ints(&shape.ints())?
        .ints(&tiles.tile)?
        .floats(&[input.max]);
    stream.launch(&launch)?;
    let sums = Sums {
        pointer,
        parts: tiles.grid[1],
        c: shape.c,
    };
    finish_gradients(
        stream,
        sums,
        input.constants,
        out.parameters,
        Some((out.weight, TAPS)),
    )
}

/// Tiles of the input. With stride 2 in cells of 2 x 2 pixels that share the same rows and columns of the result; the
/// first cell starts in the padding.
fn backward_tiles(stream: &impl Stream, element: ElementType, shape: ConvShape, each: usize) -> Tiles {
    let ConvShape { n, h, w, c, conv, .. } = shape;
    if conv.stride == 1 {
        let most = [if element == ElementType::F32 { 7 } else { 14 }, 14];
        return Tiles::new(stream, [n, h, w], c, each, most);
    }
    let cells = [h, w].map(|size| (size + conv.pad_begin).div_ceil(2));
    Tiles::new(stream, [n, cells[0], cells[1]], c, each, [7, 7])
}

/// Bytes of the gradient map's three constants, of the gradient that a tile reads, in float32, and of the input.
fn backward_shared(tiles: &Tiles, stride: usize, element: ElementType) -> usize {
    let [height, width] = tiles.tile;
    let (halo, pixels) = if stride == 1 { (2, 1) } else { (1, 4) };
    let gradient = (3 + (height + halo) * (width + halo)) * size_of::<f32>();
    (gradient + pixels * height * width * element.bytes()) * tiles.channels
}
