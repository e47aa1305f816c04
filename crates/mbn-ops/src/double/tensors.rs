//! The convolutions with what a kernel returns beside its result.

use candle_core::{Device, Result, Tensor};

use super::convolution::{Convolution, Stem, convolve, gradients};
use super::layer::{Layer, statistics};
use super::values;
use crate::normalization::{Activation, BatchStatistics, ParameterGradients, Upstream};

/// Writes the convolution of an activation to `out`; the statistics of its `c` channels.
pub(crate) fn forward(
    op: &'static str,
    convolution: &impl Convolution,
    out: &mut [f64],
    input: Activation,
    weight: &Tensor,
    c: usize,
) -> Result<BatchStatistics> {
    let activated = Layer::new(op, input)?.activated();
    convolve(convolution, out, &activated, &values(op, weight)?);
    statistics(out, c)
}

/// Writes to `out` the gradient of batch norm's result in the layer before; the gradient of the weight, and those
/// of that batch norm's parameters.
pub(crate) fn backward(
    op: &'static str,
    convolution: &impl Convolution,
    out: &mut [f64],
    upstream: Upstream,
    input: Activation,
    weight: &Tensor,
) -> Result<(Tensor, ParameterGradients)> {
    let (dy, input) = (Layer::raw_gradient(op, upstream)?, Layer::new(op, input)?);
    let dw = gradients(convolution, out, &dy, &input.activated(), &values(op, weight)?);
    let parameters = input.before_activation(out)?;
    Ok((Tensor::from_vec(dw, weight.shape(), &Device::Cpu)?, parameters))
}

/// As [`forward`], of the image.
pub(crate) fn stem_forward(
    op: &'static str,
    stem: &Stem,
    out: &mut [f64],
    image: &Tensor,
    weight: &Tensor,
) -> Result<BatchStatistics> {
    convolve(stem, out, &values(op, image)?, &values(op, weight)?);
    statistics(out, stem.shape.cout)
}

/// Writes the gradient of the weight, its taps first: `[3, 3, 3, O]`.
pub(crate) fn stem_weight_gradient(
    op: &'static str,
    stem: &Stem,
    out: &mut [f64],
    upstream: Upstream,
    image: &Tensor,
) -> Result<()> {
    let (dy, image) = (Layer::raw_gradient(op, upstream)?, values(op, image)?);
    // The image's gradient, which these weights would enter, is not used.
    let (mut unused, weight) = (vec![0.0; image.len()], vec![0.0; out.len()]);
    let dw = gradients(stem, &mut unused, &dy, &image, &weight);
    let taps = out.len() / stem.shape.cout.max(1);
    for (i, out) in out.iter_mut().enumerate() {
        let (tap, o) = (i / stem.shape.cout, i % stem.shape.cout);
        *out = dw[o * taps + tap];
    }
    Ok(())
}
