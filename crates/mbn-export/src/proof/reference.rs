//! What a file is compared with.

use anyhow::Result;
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

    /// candle's logits. A file may take a thousand pictures at once; candle, which keeps every value between layers, would need
    /// tens of gigabytes for them.
    pub(crate) fn logits(&mut self, sample: &Sample) -> Result<Vec<f32>> {
        let size = sample.size();
        let len = 3 * size * size;
        let mut logits = Vec::new();
        for floats in sample.floats().chunks(AT_ONCE * len) {
            logits.extend(self.part(floats, floats.len() / len, size)?);
        }
        Ok(logits)
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
