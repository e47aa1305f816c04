//! candle as the engine of an int8 network: it computes the integers.

use candle_core::Device;
use mbn_model::QuantizedNetwork;
use mbn_weights::Quantized;

use super::Engine;
use super::candle::square;
use crate::error::EngineError;
use crate::images::{PixelType, Pixels};

/// A quantised network that candle runs on the CPU, integer by integer as engines on integers do.
pub struct IntegerEngine {
    network: QuantizedNetwork,
}

impl IntegerEngine {
    /// The network with these weights.
    ///
    /// # Errors
    /// The weights contradict their architecture.
    pub fn new(weights: Quantized) -> Result<Self, EngineError> {
        let network = QuantizedNetwork::new(weights).map_err(EngineError::CandleWeights)?;
        Ok(Self { network })
    }

    /// Whether some layers stay float32.
    pub fn is_mixed(&self) -> bool {
        !self.network.weights().float_layers().is_empty()
    }
}

impl Engine for IntegerEngine {
    fn describe(&self) -> String {
        "candle, cpu, int8".to_owned()
    }

    fn classes(&self) -> usize {
        self.network.architecture().classes
    }

    fn pixel_type(&self) -> PixelType {
        PixelType::Float
    }

    fn is_grey(&self) -> bool {
        false
    }

    fn logits(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError> {
        match square(images, n, &Device::Cpu)? {
            Some(images) => Ok(self.network.forward(&images)?.flatten_all()?.to_vec1()?),
            None => Ok(Vec::new()),
        }
    }
}
