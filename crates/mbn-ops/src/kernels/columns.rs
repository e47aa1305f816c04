//! Work on `[rows, C]`: each thread keeps its channels, whose constants stay in registers.

use candle_core::Result;

use super::geometry::{Columns, is_wide};
use super::stream::{ElementType, Launch, Pointer, Slot, Stream, variant};

/// An activation that kernels compute as they load: the convolution's result, and the batch norm and activation after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LazyActivationPointers {
    /// The convolution's result, `[rows, C]`.
    pub raw: Pointer,
    /// `[4, C]`: mean, `1 / sqrt(variance + epsilon)`, scale and shift.
    pub constants: Pointer,
    /// Upper bound: infinity for ReLU, 6 for ReLU6.
    pub max: f32,
}

/// Gradients of batch norm's parameters, `[C]` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterGradientPointers {
    /// Of the scale.
    pub gamma: Pointer,
    /// Of the shift.
    pub beta: Pointer,
}

/// The gradient of a convolution's result, which kernels compute from the gradient of the batch norm's result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpstreamPointers {
    /// The layer whose convolution it is.
    pub activation: LazyActivationPointers,
    /// Gradient of the batch norm's result, before the activation: `[rows, C]`.
    pub gradient: Pointer,
    /// The sums of that gradient.
    pub parameters: ParameterGradientPointers,
}

impl UpstreamPointers {
    /// In the kernels' order.
    pub(super) fn pointers(&self) -> [Pointer; 5] {
        [
            self.activation.raw,
            self.gradient,
            self.activation.constants,
            self.parameters.gamma,
            self.parameters.beta,
        ]
    }
}

/// Two sums over rows for each channel (of the values and of their squares), in parts that [`super::batch_norm`]
/// adds. They stay in [`Slot::Sums`] until the next operation that sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Sums {
    /// `[parts, 2, C]`, float64.
    pub(super) pointer: Pointer,
    pub(super) parts: usize,
    pub(super) c: usize,
}

impl Sums {
    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.c
    }
}

/// Scratch memory for `sums` sums of `c` channels in `parts` parts.
pub(super) fn parts(stream: &impl Stream, parts: usize, sums: usize, c: usize) -> Result<Pointer> {
    stream.scratch(Slot::Sums, parts * sums * c * size_of::<f64>())
}

/// Channels of a thread: 16 bytes, or one.
pub(super) fn each(element: ElementType, is_wide: bool) -> usize {
    if is_wide { element.per_vector() } else { 1 }
}

/// Writes the activation itself.
pub(super) fn activate(
    stream: &impl Stream,
    element: ElementType,
    [rows, c]: [usize; 2],
    input: LazyActivationPointers,
    out: Pointer,
) -> Result<()> {
    let wide = is_wide(element, c, &[input.raw, out]);
    let columns = Columns::new(stream, rows, c, each(element, wide));
    let (module, kernel) = variant!("columns", "activate", element, wide);
    let launch = Launch::new(module, kernel, columns.grid, columns.block)?
        .pointers(&[input.raw, input.constants, out])
        .ints(&[rows, c])?
        .floats(&[input.max]);
    stream.launch(&launch)
}

/// Writes the gradient of the convolution's result.
pub(super) fn write_upstream(
    stream: &impl Stream,
    element: ElementType,
    [rows, c]: [usize; 2],
    upstream: UpstreamPointers,
    out: Pointer,
) -> Result<()> {
    let wide = is_wide(element, c, &[upstream.activation.raw, upstream.gradient, out]);
    let columns = Columns::new(stream, rows, c, each(element, wide));
    let (module, kernel) = variant!("columns", "upstream", element, wide);
    let launch = Launch::new(module, kernel, columns.grid, columns.block)?
        .pointers(&upstream.pointers())
        .pointers(&[out])
        .ints(&[rows, c])?;
    stream.launch(&launch)
}

/// Turns `gradient`, of an activation, into the gradient of the batch norm's result before it, in place; its sums.
pub(super) fn pass(
    stream: &impl Stream,
    element: ElementType,
    [rows, c]: [usize; 2],
    input: LazyActivationPointers,
    gradient: Pointer,
) -> Result<Sums> {
    let wide = is_wide(element, c, &[input.raw, gradient]);
    let columns = Columns::new(stream, rows, c, each(element, wide));
    let pointer = parts(stream, columns.grid[1], 2, c)?;
    let (module, kernel) = variant!("columns", "pass", element, wide);
    let launch = Launch::new(module, kernel, columns.grid, columns.block)?
        .shared(columns.shared())?
        .pointers(&[input.raw, input.constants, gradient, pointer])
        .ints(&[rows, c])?
        .floats(&[input.max]);
    stream.launch(&launch)?;
    Ok(Sums {
        pointer,
        parts: columns.grid[1],
        c,
    })
}

/// The sums of `x` `[rows, c]` and of its squares.
///
/// # Errors
/// If the stream fails.
pub fn statistics(
    stream: &impl Stream,
    element: ElementType,
    [rows, c]: [usize; 2],
    x: Pointer,
) -> Result<Sums> {
    let wide = is_wide(element, c, &[x]);
    let columns = Columns::new(stream, rows, c, each(element, wide));
    let pointer = parts(stream, columns.grid[1], 2, c)?;
    let (module, kernel) = variant!("columns", "statistics", element, wide);
    let launch = Launch::new(module, kernel, columns.grid, columns.block)?
        .shared(columns.shared())?
        .pointers(&[x, pointer])
        .ints(&[rows, c])?;
    stream.launch(&launch)?;
    Ok(Sums {
        pointer,
        parts: columns.grid[1],
        c,
    })
}

/// `x = min(max(low, x + bias), high)` in place.
pub(super) fn bias(
    stream: &impl Stream,
    element: ElementType,
    [rows, c]: [usize; 2],
    x: Pointer,
    bias: Pointer,
    [low, high]: [f32; 2],
) -> Result<()> {
    let wide = is_wide(element, c, &[x]);
    let columns = Columns::new(stream, rows, c, each(element, wide));
    let (module, kernel) = variant!("columns", "bias", element, wide);
    let launch = Launch::new(module, kernel, columns.grid, columns.block)?
        .pointers(&[bias, x])
        .ints(&[rows, c])?
        .floats(&[low, high]);
    stream.launch(&launch)
}

/// A float32 weight as `element`: the weight itself, or rounded into [`Slot::Weight`].
pub(super) fn weight_as(
    stream: &impl Stream,
    element: ElementType,
    weight: Pointer,
    len: usize,
) -> Result<Pointer> {
    /// Values of a thread.
    const EACH: usize = 4;
    if element == ElementType::F32 {
        return Ok(weight);
    }
    let out = stream.scratch(Slot::Weight, len * element.bytes())?;
    let threads = super::geometry::THREADS;
    let launch = Launch::new(
        "columns",
        "to_bf16",
        [len.div_ceil(threads * EACH), 1],
        [threads, 1],
    )?
    .pointers(&[weight, out])
    .ints(&[len])?;
    stream.launch(&launch)?;
    Ok(out)
}
