//! 1x1 convolution: matrix products, whose factors other kernels write first.

use candle_core::Result;

use super::batch_norm::finish_gradients;
use super::columns::{
    self, LazyActivationPointers, ParameterGradientPointers, Sums, UpstreamPointers, weight_as,
};
use super::stream::{ElementType, Matrix, Pointer, Product, Slot, Stream};

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
    pub input: LazyActivationPointers,
    /// `[cout, cin, 1, 1]`
    pub weight: Pointer,
}

impl Pointwise {
    /// The activated input, `[rows, cin]`, in scratch memory. The backward pass writes it again rather than keep it: all
    /// layers together need 3.9 MB an image.
    fn activated(&self, stream: &impl Stream, element: ElementType) -> Result<Pointer> {
        let extent = [self.rows, self.cin];
        let out = stream.scratch(Slot::Input, self.rows * self.cin * element.bytes())?;
        columns::activate(stream, element, extent, self.input, out)?;
        Ok(out)
    }
}

/// Convolves the activation; writes `out`, `[rows, cout]`.
///
/// # Errors
/// If the stream fails.
pub fn pointwise(stream: &impl Stream, element: ElementType, layer: Pointwise, out: Pointer) -> Result<Sums> {
    let Pointwise { rows, cin, cout, .. } = layer;
    let activated = layer.activated(stream, element)?;
    multiply(stream, element, activated, layer.weight, [rows, cin, cout], out)?;
    columns::statistics(stream, element, [rows, cout], out)
}

/// The convolution itself: `x`, `[rows, cin]`, with the weight, `[cout, cin]` in float32, to `out`, `[rows, cout]`.
pub(super) fn multiply(
    stream: &impl Stream,
    element: ElementType,
    x: Pointer,
    weight: Pointer,
    [rows, cin, cout]: [usize; 3],
    out: Pointer,
) -> Result<()> {
    let weight = weight_as(stream, element, weight, cin * cout)?;
    stream.product(&Product {
        left: Matrix::stored(x, cin),
        right: Matrix::transposed(weight, cin),
        out,
        m: rows,
        n: cout,
        k: cin,
        element,
        out_element: element,
    })
}

/// Where [`pointwise_backward`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointwiseGradients {
    /// The gradient of batch norm's result in the layer before: `[rows, cin]`.
    pub input: Pointer,
    /// Of that batch norm's parameters.
    pub parameters: ParameterGradientPointers,
    /// `[cout, cin, 1, 1]`
    pub weight: Pointer,
}

/// All gradients of [`pointwise`].
///
/// # Errors
/// If the stream fails.
pub fn pointwise_backward(
    stream: &impl Stream,
    element: ElementType,
    layer: Pointwise,
    upstream: UpstreamPointers,
    out: PointwiseGradients,
) -> Result<()> {
    let Pointwise { rows, cin, cout, .. } = layer;
    let gradient = stream.scratch(Slot::Upstream, rows * cout * element.bytes())?;
    columns::write_upstream(stream, element, [rows, cout], upstream, gradient)?;
    let activated = layer.activated(stream, element)?;
    stream.product(&Product {
        left: Matrix::transposed(gradient, cout),
        right: Matrix::stored(activated, cin),
        out: out.weight,
        m: cout,
        n: cin,
        k: rows,
        element,
        out_element: ElementType::F32,
    })?;
    let weight = weight_as(stream, element, layer.weight, cin * cout)?;
    stream.product(&Product {
        left: Matrix::stored(gradient, cout),
        right: Matrix::stored(weight, cin),
        out: out.input,
        m: rows,
        n: cin,
        k: cout,
        element,
        out_element: element,
    })?;
    let sums = columns::pass(stream, element, [rows, cin], layer.input, out.input)?;
    finish_gradients(stream, sums, layer.input.constants, out.parameters, None)
}
