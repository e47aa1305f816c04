//! What a file is compared with.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use mbn_engine::engine::{CandleEngine, Engine, IntegerEngine};
use mbn_engine::images::Pixels;
use mbn_model::Network;
use mbn_weights::{Folded, Quantized, Weights};

use crate::pictures::Sample;

/// Pictures that candle runs at once.
const AT_ONCE: usize = 16;

/// Weights in candle.
pub enum Reference {
    /// The weights that the file was made from, with batch norm.
    Weights(Box<Network>),
    /// Constants of the file itself.
    Constants(Box<CandleEngine>),
    /// The file's integers, computed as engines on integers do.
    Bytes(Box<IntegerEngine>),
}

impl Reference {
    /// The weights that a file was made from.
    ///
    /// # Errors
    /// candle refuses them.
    pub fn weights(weights: &Weights) -> Result<Self> {
        let network = Network::from_weights(weights, &Device::Cpu)?;
        Ok(Self::Weights(Box::new(network)))
    }

    /// The constants of a file.
    ///
    /// # Errors
    /// candle refuses them.
    pub fn constants(weights: &Folded) -> Result<Self> {
        Ok(Self::Constants(Box::new(CandleEngine::new(weights)?)))
    }

    /// Integers of a file.
    ///
    /// # Errors
    /// They contradict each other.
    pub fn bytes(weights: Quantized) -> Result<Self> {
        Ok(Self::Bytes(Box::new(IntegerEngine::new(weights)?)))
    }

    /// candle's logits.
    pub(crate) fn logits(&mut self, sample: &Sample) -> Result<Vec<f32>> {
        self.in_parts(sample, Self::part)
    }

    /// candle's pooled features, `[pictures, features]`.
    pub(crate) fn features(&mut self, sample: &Sample) -> Result<Vec<f32>> {
        self.in_parts(sample, Self::features_of_part)
    }

    /// What `run` gives for some pictures at a time. A file may take a thousand at once; candle, which keeps every value between
    /// layers, would need tens of gigabytes for them.
    fn in_parts(
        &mut self,
        sample: &Sample,
        run: impl Fn(&mut Self, &[f32], usize, usize) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let size = sample.size();
        let len = 3 * size * size;
        let mut values = Vec::new();
        for floats in sample.floats().chunks(AT_ONCE * len) {
            values.extend(run(self, floats, floats.len() / len, size)?);
        }
        Ok(values)
    }

    /// The features of `n` pictures.
    fn features_of_part(&mut self, floats: &[f32], n: usize, size: usize) -> Result<Vec<f32>> {
        match self {
            Self::Weights(network) => {
                let images = Tensor::from_slice(floats, (n, 3, size, size), &Device::Cpu)?;
                Ok(network.observe(&images, &mut |_, _| {})?.features)
            }
            Self::Constants(engine) => Ok(engine.logits_and_features(Pixels::Float(floats), n)?.1),
            Self::Bytes(_) => bail!("features are compared with those of floats, not of integers"),
        }
    }

    /// The logits of `n` pictures.
    fn part(&mut self, floats: &[f32], n: usize, size: usize) -> Result<Vec<f32>> {
        match self {
            Self::Weights(network) => {
                let images = Tensor::from_slice(floats, (n, 3, size, size), &Device::Cpu)?;
                Ok(network.forward_eval(&images)?.flatten_all()?.to_vec1()?)
            }
            Self::Constants(engine) => Ok(engine.logits(Pixels::Float(floats), n)?),
            Self::Bytes(engine) => Ok(engine.logits(Pixels::Float(floats), n)?),
        }
    }
}
