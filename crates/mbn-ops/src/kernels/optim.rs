//! The optimisers' step and that of the moving average, one launch for all tensors.

use candle_core::{Result, bail};

use super::geometry::THREADS;
use super::stream::{Arg, Launch, Pointer, Stream};
use crate::operands::optim::{AdamW, Sgd};

/// Tensors of one launch: their table is an argument, and all arguments together have 4 KiB.
const TENSORS: usize = 96;
/// Averages of one launch, whose entries are shorter: more than the network has.
const AVERAGES: usize = 160;
/// Values of a block.
const CHUNK: usize = THREADS * 16;

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

/// A moving average and what it follows, both float32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AveragedTensor {
    /// Changed in place.
    pub average: Pointer,
    /// The present values.
    pub value: Pointer,
    /// Values of both.
    pub len: usize,
}

/// Moves all averages by `gain` of their distance to the values.
///
/// # Errors
/// If a tensor is too long or the stream fails.
pub fn average_step(stream: &impl Stream, tensors: &[AveragedTensor], gain: f64) -> Result<()> {
    for tensors in tensors.chunks(AVERAGES) {
        let entries = tensors.iter().map(|t| ([t.average, t.value], t.len, []));
        let table = Table::<AVERAGES>::new(entries)?;
        stream.launch(&table.launch("average")?.floats(&[gain as f32]))?;
    }
    Ok(())
}

fn launches(
    stream: &impl Stream,
    kernel: &'static str,
    tensors: &[OptimizerTensor],
    decay: impl Fn(bool) -> f32,
    arguments: impl Fn(Launch) -> Result<Launch>,
) -> Result<()> {
    for tensors in tensors.chunks(TENSORS) {
        let entries = tensors.iter().map(|t| {
            let decay = u64::from(decay(t.decays).to_bits());
            ([t.parameter, t.state, t.gradient], t.len, [decay])
        });
        let table = Table::<TENSORS>::new(entries)?;
        stream.launch(&arguments(table.launch(kernel)?)?)?;
    }
    Ok(())
}

/// The kernels' `Table` of at most `N` tensors, and the blocks that work on them.
struct Table<const N: usize> {
    words: Vec<u64>,
    blocks: usize,
}

impl<const N: usize> Table<N> {
    /// For each tensor its addresses, its length and first block, and what else its step needs; then the number of tensors.
    fn new<const P: usize, const M: usize>(
        tensors: impl ExactSizeIterator<Item = ([Pointer; P], usize, [u64; M])>,
    ) -> Result<Self> {
        let count = tensors.len();
        let length = N * (P + 1 + M);
        let mut words = Vec::with_capacity(length + 1);
        let mut blocks = 0;
        for (pointers, len, more) in tensors {
            let Ok(bounded) = i32::try_from(len) else {
                bail!("a parameter of {len} values is longer than the optimiser's kernel can count")
            };
            words.extend(pointers);
            words.push(bounded as u64 | (blocks as u64) << 32);
            words.extend(more);
            blocks += len.div_ceil(CHUNK);
        }
        words.resize(length, 0);
        words.push(count as u64);
        Ok(Self { words, blocks })
    }

    /// A launch with the table as its first argument.
    fn launch(self, kernel: &'static str) -> Result<Launch> {
        let mut launch = Launch::new("optim", kernel, [self.blocks.max(1), 1], [THREADS, 1])?;
        launch.args.push(Arg::Bytes(self.words));
        Ok(launch)
    }
}
