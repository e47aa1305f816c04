//! Global average pooling.

use candle_core::Result;

use super::batch_norm::finish_gradients;
use super::columns::{LazyActivationPointers, ParameterGradientPointers, Sums, each, parts};
use super::geometry::{Columns, THREADS, is_wide};
use super::stream::{ElementType, Launch, MAX_GRID_Y, Pointer, Stream, variant};

/// Images, pixels of each, channels.
type Extent = [usize; 3];

/// Mean over the pixels of the activation `input`, `[N, pixels, C]`; writes `out`, `[N, C]`, float32.
///
/// # Errors
/// If the stream fails.
pub fn global_average_pool(
    stream: &impl Stream,
    element: ElementType,
    extent: Extent,
    input: LazyActivationPointers,
    out: Pointer,
) -> Result<()> {
    let wide = is_wide(element, extent[2], &[input.raw]);
    let launch = forward(variant!("pool", "pool", element, wide), element, extent, wide)?
        .pointers(&[input.raw, input.constants, out])
        .ints(&extent)?
        .floats(&[input.max]);
    stream.launch(&launch)
}

/// [`global_average_pool`] of stored values `x`.
///
/// # Errors
/// If the stream fails.
pub fn global_average_pool_stored(
    stream: &impl Stream,
    element: ElementType,
    extent: Extent,
    x: Pointer,
    out: Pointer,
) -> Result<()> {
    let wide = is_wide(element, extent[2], &[x]);
    let launch = forward(
        variant!("pool", "pool_stored", element, wide),
        element,
        extent,
        wide,
    )?
    .pointers(&[x, out])
    .ints(&extent)?;
    stream.launch(&launch)
}

/// A block for each image and range of channels.
fn forward(
    (module, kernel): (&'static str, &'static str),
    element: ElementType,
    [n, _, c]: Extent,
    wide: bool,
) -> Result<Launch> {
    let each = each(element, wide);
    let groups = c.div_ceil(each);
    let across = groups.next_power_of_two().min(32);
    let grid = [groups.div_ceil(across), n.min(MAX_GRID_Y)];
    Launch::new(module, kernel, grid, [across, THREADS / across])?.shared(THREADS * each * size_of::<f64>())
}

/// Given the gradient of the means, `[N, C]`, writes to `out`, `[N, pixels, C]`, the gradient of batch norm's result in
/// the layer before, and the gradients of that batch norm's parameters.
///
/// # Errors
/// If the stream fails.
pub fn global_average_pool_backward(
    stream: &impl Stream,
    element: ElementType,
    extent: Extent,
    gradient: Pointer,
    input: LazyActivationPointers,
    out: Pointer,
    parameters: ParameterGradientPointers,
) -> Result<()> {
    let [n, pixels, c] = extent;
    let wide = is_wide(element, c, &[input.raw, out, gradient]);
    let columns = Columns::new(stream, n * pixels, c, each(element, wide));
    let pointer = parts(stream, columns.grid[1], 2, c)?;
    let (module, kernel) = variant!("pool", "pool_backward", element, wide);
    let launch = Launch::new(module, kernel, columns.grid, columns.block)?
        .shared(columns.shared())?
        .pointers(&[gradient, input.raw, input.constants, out, pointer])
        .ints(&extent)?
        .floats(&[input.max]);
    stream.launch(&launch)?;
    let sums = Sums {
        pointer,
        parts: columns.grid[1],
        c,
    };
    finish_gradients(stream, sums, input.constants, parameters, None)
}
