//! The optimisers' step, one launch for all tensors.

use candle_core::{Result, bail};

use super::geometry::THREADS;
use super::stream::{Arg, Launch, Pointer, Stream};
use crate::operands::optim::{AdamW, Sgd};

/// Tensors of one launch: their table is an argument, and all arguments together have 4 KiB.
const TENSORS: usize = 96;
/// Values of a block.
const CHUNK: usize = THREADS * 16;
/// 64-bit words of a table's entry.
const WORDS: usize = 5;

/// A parameter and what its step needs, all float32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerTensor {
    /// Changed in place.
    pub parameter: Pointer,
    /// SGD's momentum buffer, or AdamW's two moments one after the other; changed in place.
    pub state: Pointer,
    /// The gradient.
    pub gradient: Pointer,
    /// Values of the parameter.
    pub len: usize,
    /// Whether weight decay applies to it.
    pub decays: bool,
}

/// A step of `torch.optim.SGD` of all tensors.
///
/// # Errors
/// If a tensor is too long or the stream fails.
pub fn sgd_step(stream: &impl Stream, tensors: &[OptimizerTensor], sgd: Sgd) -> Result<()> {
    let decay = |decays: bool| if decays { sgd.weight_decay as f32 } else { 0.0 };
    launches(stream, "sgd", tensors, decay, |launch| {
        Ok(launch
            .ints(&[usize::from(sgd.nesterov)])?
            .floats(&[sgd.learning_rate as f32, sgd.momentum as f32]))
    })
}

/// A step of `torch.optim.AdamW` of all tensors.
///
/// # Errors
/// If a tensor is too long or the stream fails.
pub fn adamw_step(stream: &impl Stream, tensors: &[OptimizerTensor], adamw: AdamW) -> Result<()> {
    let (bias1, bias2) = (
        1.0 - adamw.beta1.powi(adamw.step),
        1.0 - adamw.beta2.powi(adamw.step),
    );
    let floats = [
        adamw.beta1,
        1.0 - adamw.beta1,
        adamw.beta2,
        1.0 - adamw.beta2,
        adamw.learning_rate / bias1,
        bias2.sqrt(),
        adamw.epsilon,
    ];
    let keep = |decays: bool| {
        let decay = if decays { adamw.weight_decay } else { 0.0 };
        (1.0 - adamw.learning_rate * decay) as f32
    };
    launches(stream, "adamw", tensors, keep, |launch| {
        Ok(launch.floats(&floats.map(|value| value as f32)))
    })
}

fn launches(
    stream: &impl Stream,
    kernel: &'static str,
    tensors: &[OptimizerTensor],
    decay: impl Fn(bool) -> f32,
    arguments: impl Fn(Launch) -> Result<Launch>,
) -> Result<()> {
    for tensors in tensors.chunks(TENSORS) {
        let (table, blocks) = table(tensors, &decay)?;
        let mut launch = Launch::new("optim", kernel, [blocks, 1], [THREADS, 1])?;
        launch.args.push(Arg::Bytes(table));
        stream.launch(&arguments(launch)?)?;
    }
    Ok(())
}

/// The kernels' `Table`: for each tensor three addresses, its length and its first block, its decay and a gap; then
/// the number of tensors.
fn table(tensors: &[OptimizerTensor], decay: impl Fn(bool) -> f32) -> Result<(Vec<u64>, usize)> {
    let mut words = Vec::with_capacity(TENSORS * WORDS + 1);
    let mut blocks = 0;
    for tensor in tensors {
        let Ok(len) = i32::try_from(tensor.len) else {
            bail!(
                "a parameter of {} values is longer than the optimiser's kernel can count",
                tensor.len
            )
        };
        words.extend([tensor.parameter, tensor.state, tensor.gradient]);
        words.push(len as u64 | (blocks as u64) << 32);
        words.push(u64::from(decay(tensor.decays).to_bits()));
        blocks += tensor.len.div_ceil(CHUNK);
    }
    words.resize(TENSORS * WORDS, 0);
    words.push(tensors.len() as u64);
    Ok((words, blocks.max(1)))
}
