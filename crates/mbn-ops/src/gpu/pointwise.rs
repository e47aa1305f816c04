//! 1x1 convolution: matrix products of what is written down for them.

use candle_core::Result;

use super::batch_norm::finish_gradients;
use super::columns::{self, Activation, ParameterGradients, Sums, Upstream, weight_as};
use super::stream::{Format, Matrix, Pointer, Product, Slot, Stream};

/// A 1x1 convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pointwise {
    /// Pixels of all images.
    pub rows: usize,
    /// Input channels.
    pub cin: usize,
    /// Output channels.
    pub cout: usize,
    /// `[rows, cin]`
    pub input: Activation,
    /// `[cout, cin, 1, 1]`
    pub weight: Pointer,
}

impl Pointwise {
    /// The activated input, `[rows, cin]`, written to scratch memory: the backward pass writes it again rather than keep
    /// 3.9 MB an image of all layers together.
    fn activated(&self, stream: &impl Stream, format: Format) -> Result<Pointer> {
        let extent = [self.rows, self.cin];
        let out = stream.scratch(Slot::Input, self.rows * self.cin * format.bytes())?;
        columns::activate(stream, format, extent, self.input, out)?;
        Ok(out)
    }
}

/// Convolves the activation; writes `out`, `[rows, cout]`.
///
/// # Errors
/// If the stream fails.
pub fn pointwise(stream: &impl Stream, format: Format, layer: Pointwise, out: Pointer) -> Result<Sums> {
    let Pointwise { rows, cin, cout, .. } = layer;
    let activated = layer.activated(stream, format)?;
    multiply(stream, format, activated, layer.weight, [rows, cin, cout], out)?;
    columns::statistics(stream, format, [rows, cout], out)
}

/// The convolution itself: `x`, `[rows, cin]`, with the weight, `[cout, cin]` in float32, to `out`, `[rows, cout]`.
pub(super) fn multiply(
    stream: &impl Stream,
    format: Format,
    x: Pointer,
    weight: Pointer,
    [rows, cin, cout]: [usize; 3],
    out: Pointer,
) -> Result<()> {
    let weight = weight_as(stream, format, weight, cin * cout)?;
    stream.product(&Product {
        left: Matrix::stored(x, cin),
        right: Matrix::transposed(weight, cin),
        out,
        m: rows,
        n: cout,
        k: cin,
        format,
        out_format: format,
    })
}

/// Where [`pointwise_backward`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointwiseGradients {
    /// The gradient of batch norm's result in the layer before: `[rows, cin]`.
    pub input: Pointer,
    /// Of that batch norm's parameters.
    pub parameters: ParameterGradients,
    /// `[cout, cin, 1, 1]`
    pub weight: Pointer,
}

/// All gradients of [`pointwise`].
///
/// # Errors
/// If the stream fails.
pub fn pointwise_backward(
    stream: &impl Stream,
    format: Format,
    layer: Pointwise,
    upstream: Upstream,
    out: PointwiseGradients,
) -> Result<()> {
    let Pointwise { rows, cin, cout, .. } = layer;
    let gradient = stream.scratch(Slot::Upstream, rows * cout * format.bytes())?;
    columns::write_upstream(stream, format, [rows, cout], upstream, gradient)?;
    let activated = layer.activated(stream, format)?;
    stream.product(&Product {
        left: Matrix::transposed(gradient, cout),
        right: Matrix::stored(activated, cin),
        out: out.weight,
        m: cout,
        n: cin,
        k: rows,
        format,
        out_format: Format::F32,
    })?;
    let weight = weight_as(stream, format, layer.weight, cin * cout)?;
    stream.product(&Product {
        left: Matrix::stored(gradient, cout),
        right: Matrix::stored(weight, cin),
        out: out.input,
        m: rows,
        n: cin,
        k: cout,
        format,
        out_format: format,
    })?;
    let sums = columns::pass(stream, format, [rows, cin], layer.input, out.input)?;
    finish_gradients(stream, sums, layer.input.constants, out.parameters, None)
}
