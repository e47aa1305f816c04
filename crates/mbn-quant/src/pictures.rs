//! The pictures on which ranges are measured.

use std::ops::Range;

use candle_core::{Device, Result, Tensor};

/// The fewest pictures that are accepted.
pub const LEAST: usize = 100;
/// With fewer pictures than this, ranges still depend on which ones they are.
pub const FEW: usize = 300;
/// The most pictures that a caller needs to give: more change nothing that can be measured.
pub const MOST: usize = 1000;
/// Pictures that candle runs at once.
pub(crate) const BATCH: usize = 16;

/// Preprocessed pictures, in an order that mixes the classes: means are taken over the first ones.
pub trait Pictures {
    /// Number of pictures.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Height and width.
    fn size(&self) -> usize;

    /// Some of them, `[n, 3, size, size]`, normalised as the metadata of the weights say, or by `Preprocess::default` if they say
    /// nothing.
    fn batch(&self, pictures: Range<usize>) -> Vec<f32>;
}

/// The first `n` pictures in batches.
pub(crate) fn batches(
    pictures: &dyn Pictures,
    n: usize,
) -> impl Iterator<Item = (Range<usize>, Result<Tensor>)> {
    (0..n).step_by(BATCH).map(move |start| {
        let range = start..(start + BATCH).min(n);
        let shape = (range.len(), 3, pictures.size(), pictures.size());
        let tensor = Tensor::from_vec(pictures.batch(range.clone()), shape, &Device::Cpu);
        (range, tensor)
    })
}
