//! The values between the layers, for whoever measures them.

use candle_core::{Result, Tensor};

use super::Network;
use crate::layer::Mode;
use crate::pass::Record;

/// What the network gives in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Means over rows and columns, `[N, C]`.
    pub features: Vec<f32>,
    /// `[N, classes]`
    pub logits: Vec<f32>,
}

impl Network {
    /// Runs images `[N, 3, H, W]` with the running statistics, and shows to `see` what each convolution and its batch norm
    /// give, before the activation: the layer's index, and values `[N, H, W, C]`.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn observe(&mut self, images: &Tensor, see: &mut dyn FnMut(usize, &[f32])) -> Result<Observed> {
        let records = self.convolutions(&images.detach().contiguous()?, Mode::Evaluate)?;
        for (layer, record) in records.iter().enumerate() {
            let values = record.raw.flatten_all()?.to_vec1::<f32>()?;
            see(layer, &normalised(record, values)?);
        }
        let features = self.pool(&records)?;
        self.give_back(records);
        let logits = self.linear(&features)?;
        Ok(Observed {
            features: features.flatten_all()?.to_vec1()?,
            logits: logits.flatten_all()?.to_vec1()?,
        })
    }
}

/// Batch norm's result for the values of its convolution.
pub(super) fn normalised(record: &Record, mut values: Vec<f32>) -> Result<Vec<f32>> {
    let constants = record.normalization.constants().to_vec2::<f32>()?;
    let (scale, shift) = (&constants[2], &constants[3]);
    for pixel in values.chunks_exact_mut(scale.len()) {
        for ((value, scale), shift) in pixel.iter_mut().zip(scale).zip(shift) {
            *value = *value * scale + shift;
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use mbn_spec::{Alpha, Architecture};

    use super::*;
    use crate::random_weights;

    #[test]
    fn every_layer_is_shown_and_the_logits_are_the_networks() {
        let weights = random_weights(Architecture::new(Alpha::Quarter, 3), 5, &Device::Cpu).unwrap();
        let pixels: Vec<f32> = (0..2 * 3 * 32 * 32)
            .map(|i| ((i * 37) % 101) as f32 / 40.0 - 1.2)
            .collect();
        let images = Tensor::from_vec(pixels, (2, 3, 32, 32), &Device::Cpu).unwrap();
        let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
        let ranges = network.ranges(&images).unwrap();
        let mut largest = Vec::new();
        let observed = network
            .observe(&images, &mut |layer, values| {
                assert_eq!(layer, largest.len());
                largest.push(values.iter().fold(0.0, |most: f32, value| most.max(value.abs())));
            })
            .unwrap();
        let expected: Vec<_> = ranges.layers.iter().map(|range| range.normalised).collect();
        assert_eq!(largest, expected);
        let logits = network.forward_eval(&images).unwrap().flatten_all().unwrap();
        assert_eq!(observed.logits, logits.to_vec1::<f32>().unwrap());
        assert_eq!(observed.features.len(), 2 * 256);
    }
}
