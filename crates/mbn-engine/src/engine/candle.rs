//! candle as an engine.

use candle_core::{Device, DeviceLocation, Tensor};
use mbn_model::InferenceNetwork;
use mbn_weights::Folded;

use super::Engine;
use crate::error::EngineError;
use crate::images::{PixelType, Pixels};

/// A network that candle runs.
pub struct CandleEngine {
    network: InferenceNetwork,
    device: Device,
}

impl CandleEngine {
    /// The network with these weights, on the CPU.
    ///
    /// # Errors
    /// The weights do not match their architecture.
    pub fn new(weights: &Folded) -> Result<Self, EngineError> {
        Self::on(weights, &Device::Cpu)
    }

    /// The network with these weights, on a device.
    ///
    /// # Errors
    /// The weights do not match their architecture, or the device cannot hold them.
    pub fn on(weights: &Folded, device: &Device) -> Result<Self, EngineError> {
        let network = InferenceNetwork::new(weights, device).map_err(EngineError::CandleWeights)?;
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

    fn pixel_type(&self) -> PixelType {
        PixelType::Float
    }

    fn is_grey(&self) -> bool {
        false
    }

    fn logits(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError> {
        match square(images, n, &self.device)? {
            Some(images) => Ok(self.network.forward(&images)?.flatten_all()?.to_vec1()?),
            None => Ok(Vec::new()),
        }
    }

    fn features(&self) -> Option<usize> {
        Some(self.network.architecture().features())
    }

    fn logits_and_features(
        &mut self,
        images: Pixels<'_>,
        n: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), EngineError> {
        let Some(images) = square(images, n, &self.device)? else {
            return Ok(Default::default());
        };
        let (logits, features) = self.network.forward_with_features(&images)?;
        let values = |tensor: Tensor| tensor.flatten_all()?.to_vec1();
        Ok((values(logits)?, values(features)?))
    }
}

/// `n` square images of floats as a tensor `[n, 3, size, size]`, or `None` if there is none.
///
/// # Errors
/// They are no floats, or not `n` square images.
pub(super) fn square(images: Pixels<'_>, n: usize, device: &Device) -> Result<Option<Tensor>, EngineError> {
    let Pixels::Float(images) = images else {
        return Err(EngineError::PixelType {
            found: images.pixel_type(),
            expected: PixelType::Float,
        });
    };
    if n == 0 {
        return Ok(None);
    }
    let size = (images.len() / (3 * n)).isqrt();
    if n * 3 * size * size != images.len() {
        return Err(EngineError::Images {
            values: images.len(),
            images: n,
            size: None,
        });
    }
    Ok(Some(Tensor::from_slice(images, (n, 3, size, size), device)?))
}
