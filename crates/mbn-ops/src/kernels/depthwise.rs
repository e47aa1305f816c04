//! Depthwise 3x3 convolution. A block takes 32 channels of a tile, whose input it loads into shared memory once.

use candle_core::Result;

use super::batch_norm::finish_gradients;
use super::columns::{LazyActivationPointers, ParameterGradientPointers, Sums, UpstreamPointers, parts};
use super::geometry::{ConvShape, TileSizes, Tiles, is_wide};
use super::stream::{ElementType, Launch, Pointer, Stream, variant};

/// Channels of a thread where channels are loaded 16 bytes at once.
const EACH: usize = 2;
/// Taps of a channel.
const TAPS: usize = 9;

/// Tiles of the result: sizes of the network are multiples of 7 and 14.
pub(super) fn forward_tiles(stream: &impl Stream, shape: ConvShape, wide: bool) -> Tiles {
    let (most, known): (_, &[_]) = match shape.conv.stride {
        1 => ([14, 14], &[[14, 14], [7, 7]]),
        _ => ([7, 7], &[[7, 7]]),
    };
    let each = if wide { EACH } else { 1 };
    let sizes = TileSizes::of_channels(most, known, shape.c, wide);
    Tiles::new(stream, [shape.n, shape.oh, shape.ow], shape.c, each, sizes)
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
    let tiles = forward_tiles(stream, shape, wide);
    let pointer = parts(stream, tiles.grid[1], 2, shape.c)?;
    let (module, kernel) = match (stride, tiles.known, tiles.tile) {
        (1, true, [14, _]) => variant!("depthwise", "depthwise_s1_14x14", element, wide),
        (1, true, _) => variant!("depthwise", "depthwise_s1_7x7", element, wide),
        (1, false, _) => variant!("depthwise", "depthwise_s1", element, wide),
        (_, true, _) => variant!("depthwise", "depthwise_s2_7x7", element, wide),
        (_, false, _) => variant!("depthwise", "depthwise_s2", element, wide),
    };
    let launch = Launch::new(module, kernel, tiles.grid, tiles.block)?
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
    let stride = shape.conv.stride;
    let tiles = backward_tiles(stream, element, shape, wide);
    let pointer = parts(stream, tiles.grid[1], 2 + TAPS, shape.c)?;
    let (module, kernel) = match (stride, tiles.known, tiles.tile) {
        (1, true, [14, _]) => ("depthwise_backward", "depthwise_backward_s1_14x14_bf16"),
        (1, true, [7, 14]) => ("depthwise_backward", "depthwise_backward_s1_7x14_f32"),
        (1, true, _) => variant!("depthwise_backward", "depthwise_backward_s1_7x7", element, wide),
        (1, false, _) => variant!("depthwise_backward", "depthwise_backward_s1", element, wide),
        (_, true, _) => variant!("depthwise_backward", "depthwise_backward_s2_8x8", element, wide),
        (_, false, _) => variant!("depthwise_backward", "depthwise_backward_s2", element, wide),
    };
    let launch = Launch::new(module, kernel, tiles.grid, tiles.block)?
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
fn backward_tiles(stream: &impl Stream, element: ElementType, shape: ConvShape, wide: bool) -> Tiles {
    let ConvShape { n, h, w, c, conv, .. } = shape;
    let (most, known, extent): (_, &[_], _) = match (conv.stride, element) {
        (1, ElementType::F32) => ([7, 14], &[[7, 14], [7, 7]], [h, w]),
        (1, ElementType::Bf16) => ([14, 14], &[[14, 14], [7, 7]], [h, w]),
        _ => (
            [8, 8],
            &[[8, 8]],
            [h, w].map(|size| (size + conv.pad_begin).div_ceil(2)),
        ),
    };
    let each = if wide { EACH } else { 1 };
    let sizes = TileSizes::of_channels(most, known, c, wide);
    Tiles::new(stream, [n, extent[0], extent[1]], c, each, sizes)
}

/// Bytes of the gradient map's three constants, of the gradient that a tile reads, in float32, and of the input.
fn backward_shared(tiles: &Tiles, stride: usize, element: ElementType) -> usize {
    let [height, width] = tiles.tile;
    let (halo, pixels) = if stride == 1 { (2, 1) } else { (1, 4) };
    let gradient = (3 + (height + halo) * (width + halo)) * size_of::<f32>();
    (gradient + pixels * height * width * element.bytes()) * tiles.channels
}
