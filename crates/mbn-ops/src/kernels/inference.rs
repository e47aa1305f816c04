//! The folded network's layers: bias and activation, `min(max(0, y + bias), max)`, as a convolution writes or after
//! a product.

use candle_core::Result;

use super::columns::bias as add_bias;
use super::depthwise::{forward_shared, forward_tiles};
use super::geometry::{ConvShape, is_wide};
use super::pointwise::multiply;
use super::stem::{Precision, forward as stem_tiles};
use super::stream::{ElementType, Launch, Pointer, Stream, variant};

/// Convolves `image` `[N, 3, H, W]`, float32, with a weight `[C, 3, 3, 3]`; writes `out`, `[N, OH, OW, C]`.
///
/// # Errors
/// If the stream fails.
pub fn stem_fused(
    stream: &impl Stream,
    element: ElementType,
    shape: ConvShape,
    image: Pointer,
    [weight, bias]: [Pointer; 2],
    max: f32,
    out: Pointer,
) -> Result<()> {
    let wide = is_wide(element, shape.c, &[out]);
    let (tiles, bytes) = stem_tiles(stream, Precision::Float32, shape, wide);
    let (module, kernel) = match tiles.known {
        true => variant!("stem", "stem_fused_s2_8x16", element, wide),
        false => variant!("stem", "stem_fused", element, wide),
    };
    let launch = Launch::new(module, kernel, tiles.grid, tiles.block)?
        .shared(bytes)?
        .pointers(&[image, weight, bias, out])
        .ints(&shape.ints())?
        .ints(&[shape.conv.stride])?
        .ints(&tiles.tile)?
        .floats(&[max]);
    stream.launch(&launch)
}

/// Depthwise convolution of `x`, `[N, H, W, C]`, with a weight `[C, 1, 3, 3]`; writes `out`, `[N, OH, OW, C]`.
///
/// # Errors
/// If the stream fails.
pub fn depthwise_fused(
    stream: &impl Stream,
    element: ElementType,
    shape: ConvShape,
    x: Pointer,
    [weight, bias]: [Pointer; 2],
    max: f32,
    out: Pointer,
) -> Result<()> {
    let wide = is_wide(element, shape.c, &[x, out]);
    let stride = shape.conv.stride;
    let tiles = forward_tiles(stream, shape, wide);
    let (module, kernel) = match (stride, tiles.known, tiles.tile) {
        (1, true, [14, _]) => variant!("depthwise", "depthwise_fused_s1_14x14", element, wide),
        (1, true, _) => variant!("depthwise", "depthwise_fused_s1_7x7", element, wide),
        (1, false, _) => variant!("depthwise", "depthwise_fused_s1", element, wide),
        (_, true, _) => variant!("depthwise", "depthwise_fused_s2_7x7", element, wide),
        (_, false, _) => variant!("depthwise", "depthwise_fused_s2", element, wide),
    };
    let launch = Launch::new(module, kernel, tiles.grid, tiles.block)?
        .shared(forward_shared(&tiles, stride))?
        .pointers(&[x, weight, bias, out])
        .ints(&shape.ints())?
        .ints(&tiles.tile)?
        .floats(&[max]);
    stream.launch(&launch)
}

/// Pointwise convolution of `x`, `[rows, cin]`, with a weight `[cout, cin]`; writes `out`, `[rows, cout]`.
///
/// # Errors
/// If the stream fails.
pub fn pointwise_fused(
    stream: &impl Stream,
    element: ElementType,
    [rows, cin, cout]: [usize; 3],
    x: Pointer,
    [weight, bias]: [Pointer; 2],
    max: f32,
    out: Pointer,
) -> Result<()> {
    multiply(stream, element, x, weight, [rows, cin, cout], out)?;
    add_bias(stream, element, [rows, cout], out, bias, [0.0, max])
}
