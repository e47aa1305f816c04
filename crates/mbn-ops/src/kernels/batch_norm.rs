//! What sums over rows become: statistics, batch norm's constants, gradients of parameters.

use candle_core::Result;

use super::columns::{ParameterGradientPointers, Sums};
use super::geometry::THREADS;
use super::stream::{Launch, Pointer, Stream};

/// Channels of a block that adds parts: 64 bytes of float64.
const CHANNELS: usize = 8;

/// Running statistics, `[C]` each, changed in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Running {
    /// Mean.
    pub mean: Pointer,
    /// Unbiased variance.
    pub variance: Pointer,
    /// Weight of the batch in them: 0.1 as in PyTorch, 1 to replace them.
    pub momentum: f64,
}

/// A batch norm that takes its statistics from the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormPointers {
    /// `[C]`
    pub gamma: Pointer,
    /// `[C]`
    pub beta: Pointer,
    /// Added to the variance.
    pub epsilon: f64,
    /// The running statistics to update, if any.
    pub running: Option<Running>,
    /// Where the batch's mean goes, `[C]`, if it is wanted.
    pub mean: Option<Pointer>,
    /// Where the batch's biased variance goes, `[C]`, if it is wanted.
    pub variance: Option<Pointer>,
    /// Where the constants go, `[4, C]`.
    pub constants: Pointer,
}

/// Finishes the statistics of `rows` rows: constants, and whatever else `norm` asks for.
///
/// # Errors
/// If the stream fails.
pub fn batch_norm(stream: &impl Stream, sums: Sums, rows: usize, norm: BatchNormPointers) -> Result<()> {
    let (mean, variance, momentum) = match norm.running {
        Some(running) => (running.mean, running.variance, running.momentum),
        None => (0, 0, 0.0),
    };
    let wanted = [norm.mean.unwrap_or(0), norm.variance.unwrap_or(0)];
    let launch = finish("finish_statistics", sums.c, 1)?
        .pointers(&[sums.pointer, norm.gamma, norm.beta, mean, variance])
        .pointers(&wanted)
        .pointers(&[norm.constants])
        .ints(&[sums.parts, sums.c, rows])?
        .doubles(&[norm.epsilon, momentum]);
    stream.launch(&launch)
}

/// The constants `[4, C]` of a batch norm with given statistics, all `[C]`.
///
/// # Errors
/// If the stream fails.
pub fn normalization(
    stream: &impl Stream,
    c: usize,
    [mean, variance]: [Pointer; 2],
    [gamma, beta]: [Pointer; 2],
    epsilon: f64,
    constants: Pointer,
) -> Result<()> {
    let launch = Launch::new("finish", "normalization", [c.div_ceil(THREADS), 1], [THREADS, 1])?
        .pointers(&[mean, variance, gamma, beta, constants])
        .ints(&[c])?
        .doubles(&[epsilon]);
    stream.launch(&launch)
}

/// Finishes the sums of the gradient and of its product with the centred values: gradients of batch norm's
/// parameters. `weight` adds an address and a number of further sums of each channel, which go to it as `[C, sums]`.
pub(super) fn finish_gradients(
    stream: &impl Stream,
    sums: Sums,
    constants: Pointer,
    parameters: ParameterGradientPointers,
    weight: Option<(Pointer, usize)>,
) -> Result<()> {
    let (weight, taps) = weight.unwrap_or((0, 0));
    let launch = finish("finish_gradients", sums.c, 2 + taps)?
        .pointers(&[sums.pointer, constants, parameters.gamma, parameters.beta, weight])
        .ints(&[sums.parts, sums.c])?;
    stream.launch(&launch)
}

/// Finishes `[parts, sums, C]` to `[C, sums]`.
pub(super) fn finish_weight(stream: &impl Stream, parts: Sums, sums: usize, out: Pointer) -> Result<()> {
    let launch = finish("finish_weight", parts.c, sums)?
        .pointers(&[parts.pointer, out])
        .ints(&[parts.parts, parts.c])?;
    stream.launch(&launch)
}

/// Sums over the rows of `x`, `[rows, c]` in float32.
pub(super) fn column_sums(
    stream: &impl Stream,
    [rows, c]: [usize; 2],
    x: Pointer,
    out: Pointer,
) -> Result<()> {
    let launch = finish("column_sums", c, 1)?
        .pointers(&[x, out])
        .ints(&[rows, c])?;
    stream.launch(&launch)
}

fn finish(kernel: &'static str, c: usize, sums: usize) -> Result<Launch> {
    let block = [CHANNELS, THREADS / CHANNELS];
    Launch::new("finish", kernel, [c.div_ceil(CHANNELS), sums], block)?.shared(2 * THREADS * size_of::<f64>())
}
