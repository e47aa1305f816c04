//! Softmax cross entropy, its gradient, and the sums over steps that training shows.

use candle_core::Result;

use super::geometry::THREADS;
use super::stream::{Launch, Pointer, Slot, Stream};

/// What the loss compares the logits with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LossTarget {
    /// `[N, K]`, float32: the weight of each class, which need not sum to one. Label smoothing, mixed pictures and
    /// class weights are all such targets.
    Probabilities(Pointer),
    /// Class indices `[N]`, unsigned 32-bit. A label that is not below `K` makes the loss NaN.
    Labels {
        /// The indices.
        labels: Pointer,
        /// The target is `1 - smoothing` on the label plus `smoothing / K` on every class.
        smoothing: f32,
    },
}

/// Where [`cross_entropy`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// A scalar, float32.
    pub loss: Pointer,
    /// The first class with the largest logit of each row, `[N]`, unsigned 32-bit.
    pub predicted: Pointer,
    /// The gradient of the logits, `[N, K]`, if it is wanted.
    pub gradient: Option<Pointer>,
    /// The probability of that class, `[N]`, if it is wanted.
    pub probability: Option<Pointer>,
}

/// `scale * sum over rows of -sum over classes of target log softmax(logits)` for `logits` `[n, k]`, float32; the
/// mean has a scale of `1 / n`.
///
/// # Errors
/// If the stream fails.
pub fn cross_entropy(
    stream: &impl Stream,
    [n, k]: [usize; 2],
    logits: Pointer,
    target: LossTarget,
    scale: f32,
    out: Loss,
) -> Result<()> {
    let rows = stream.scratch(Slot::Loss, n * size_of::<f64>())?;
    let (probabilities, labels, smoothing) = match target {
        LossTarget::Probabilities(probabilities) => (probabilities, 0, 0.0),
        LossTarget::Labels { labels, smoothing } => (0, labels, smoothing),
    };
    let shared = THREADS * size_of::<f64>();
    let launch = Launch::new("loss", "cross_entropy", [n, 1], [THREADS, 1])?
        .shared(shared)?
        .pointers(&[logits, probabilities, labels, rows])
        .pointers(&[
            out.gradient.unwrap_or(0),
            out.predicted,
            out.probability.unwrap_or(0),
        ])
        .ints(&[k])?
        .floats(&[smoothing, scale]);
    stream.launch(&launch)?;
    let launch = Launch::new("loss", "sum_losses", [1, 1], [THREADS, 1])?
        .shared(shared)?
        .pointers(&[rows, out.loss])
        .ints(&[n])?
        .floats(&[scale]);
    stream.launch(&launch)
}

/// Adds the sum of the losses of `n` images, whose mean is the scalar `loss`, and the number of images whose `predicted`
/// class is their label to `sums`, `[2]`, float32; classes and labels are `[n]`, unsigned 32-bit.
///
/// # Errors
/// If the stream fails.
pub fn tally(
    stream: &impl Stream,
    n: usize,
    loss: Pointer,
    [predicted, labels]: [Pointer; 2],
    sums: Pointer,
) -> Result<()> {
    let launch = Launch::new("loss", "tally", [1, 1], [THREADS, 1])?
        .shared(THREADS * size_of::<f64>())?
        .pointers(&[loss, predicted, labels, sums])
        .ints(&[n])?;
    stream.launch(&launch)
}
