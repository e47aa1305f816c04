//! Other weights and biases for a layer, as calibration finds them.

use candle_core::{Result, bail};
use mbn_weights::QuantizedLayer;

use super::{QuantizedNetwork, integers};

/// Biases of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Bias {
    /// Of a layer on bytes.
    Steps(Vec<i32>),
    /// Of a layer that stays float32.
    Floats(Vec<f32>),
}

impl Bias {
    fn len(&self) -> usize {
        match self {
            Self::Steps(steps) => steps.len(),
            Self::Floats(floats) => floats.len(),
        }
    }
}

impl QuantizedNetwork {
    /// Replaces the biases of a layer.
    ///
    /// # Errors
    /// There is no such layer, or it has another number of channels.
    pub fn set_bias(&mut self, layer: usize, bias: Bias) -> Result<()> {
        let channels = |len: usize| match len == bias.len() {
            true => Ok(()),
            false => bail!("layer {layer} has {len} channels, not {}", bias.len()),
        };
        match (self.weights.layers.get_mut(layer), &bias) {
            (Some(QuantizedLayer::Bytes(bytes)), Bias::Steps(steps)) => {
                channels(bytes.bias.len())?;
                bytes.bias.clone_from(steps);
            }
            (Some(QuantizedLayer::Float(conv)), Bias::Floats(floats)) => {
                channels(conv.bias.len())?;
                conv.bias.clone_from(floats);
            }
            _ => bail!("layer {layer} has no bias of this kind"),
        }
        Ok(())
    }

    /// Replaces the integers of a layer on bytes.
    ///
    /// # Errors
    /// There is no such convolution, it stays float32, or it has another number of weights.
    pub fn set_weight(&mut self, layer: usize, weight: Vec<i8>) -> Result<()> {
        match (self.weights.layers.get_mut(layer), self.convs.get_mut(layer)) {
            (Some(QuantizedLayer::Bytes(bytes)), Some(conv)) if bytes.weight.len() == weight.len() => {
                bytes.weight = weight;
                conv.weight = integers(bytes, &conv.spec)?;
                Ok(())
            }
            _ => bail!("layer {layer} has no {} integers", weight.len()),
        }
    }
}
