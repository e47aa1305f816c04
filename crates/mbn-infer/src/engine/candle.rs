//! candle as an engine.

use anyhow::{Context, Result, ensure};
use candle_core::{Device, DeviceLocation, Tensor};
use mbn_model::InferenceNetwork;
use mbn_weights::Folded;

use super::Engine;

/// A network that candle runs.
pub struct CandleEngine {
    network: InferenceNetwork,
    device: Device,
}

impl CandleEngine {
    /// The network with these weights, on the CPU.
    ///
    /// # Errors
    /// If the weights are not those of their architecture.
    pub fn new(weights: &Folded) -> Result<Self> {
        Self::on(weights, &Device::Cpu)
    }

    /// The network with these weights, on a device.
    ///
    /// # Errors
    /// If the weights are not those of their architecture, or the device does not take them.
    pub fn on(weights: &Folded, device: &Device) -> Result<Self> {
        let network = InferenceNetwork::new(weights, device).context("candle does not take the weights")?;
        Ok(Self {
            network,
            device: device.clone(),
        })
    }
}

impl Engine for CandleEngine {
    fn describe(&self) -> String {
        match self.device.location() {
            DeviceLocation::Cuda { gpu_id } => format!("candle, cuda:{gpu_id}"),
            _ => "candle, cpu".to_owned(),
        }
    }

    fn classes(&self) -> usize {
        self.network.architecture().classes
    }

    fn logits(&mut self, images: &[f32], n: usize) -> Result<Vec<f32>> {
        if n == 0 {
            return Ok(Vec::new());
        }
        let size = (images.len() / (3 * n)).isqrt();
        ensure!(
            n * 3 * size * size == images.len(),
            "{} values are not {n} square images",
            images.len()
        );
        let images = Tensor::from_slice(images, (n, 3, size, size), &self.device)?;
        Ok(self.network.forward(&images)?.flatten_all()?.to_vec1()?)
    }
}
