//! The largest values between the layers, for a number format with a smaller range than float32's.

use candle_core::{Result, Tensor};
use mbn_spec::ConvLayer;

use super::Network;
use super::observe::normalised;
use crate::layer::Mode;
use crate::pass::Record;

/// Largest magnitudes that a convolution and the batch norm after it gave. Infinite if a value is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerRange {
    /// The convolution.
    pub layer: ConvLayer,
    /// The convolution's result, before batch norm.
    pub convolution: f32,
    /// Batch norm's result, before the activation: what a convolution with its batch norm folded in gives.
    pub normalised: f32,
}

/// Largest magnitudes of the values that the network computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    /// In the order of the layers.
    pub layers: Vec<LayerRange>,
    /// The sums that global average pooling divides by the number of pixels.
    pub pool_sum: f32,
    /// The logits.
    pub logits: f32,
}

impl Ranges {
    /// Takes over what is larger in `other`, of the same network.
    pub fn extend(&mut self, other: &Self) {
        for (own, other) in self.layers.iter_mut().zip(&other.layers) {
            own.convolution = own.convolution.max(other.convolution);
            own.normalised = own.normalised.max(other.normalised);
        }
        self.pool_sum = self.pool_sum.max(other.pool_sum);
        self.logits = self.logits.max(other.logits);
    }
}

impl Network {
    /// The largest values that the network computes from images `[N, 3, H, W]` with the running statistics.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn ranges(&mut self, images: &Tensor) -> Result<Ranges> {
        let records = self.convolutions(&images.detach().contiguous()?, Mode::Evaluate)?;
        let layers = self.layers.iter().zip(&records);
        let layers = layers.map(|(layer, record)| layer_range(&layer.spec, record));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let features = self.pool(&records)?;
        let pixels = match records.last() {
            Some(last) => last.raw.dims4()?.1 * last.raw.dims4()?.2,
            None => 1,
        };
        self.give_back(records);
        let logits = self.linear(&features)?;
        Ok(Ranges {
            layers,
            pool_sum: largest(features.flatten_all()?.to_vec1()?) * pixels as f32,
            logits: largest(logits.flatten_all()?.to_vec1()?),
        })
    }
}

fn layer_range(spec: &ConvLayer, record: &Record) -> Result<LayerRange> {
    let values = record.raw.flatten_all()?.to_vec1::<f32>()?;
    let convolution = largest(values.iter().copied());
    Ok(LayerRange {
        layer: spec.clone(),
        normalised: largest(normalised(record, values)?),
        convolution,
    })
}

fn largest(values: impl IntoIterator<Item = f32>) -> f32 {
    let magnitudes = values.into_iter().map(|value| {
        if value.is_finite() {
            value.abs()
        } else {
            f32::INFINITY
        }
    });
    magnitudes.fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use mbn_spec::{Alpha, Architecture};

    use super::*;
    use crate::random_weights;

    /// float32 sums in another order.
    const ROUNDING: f32 = 1e-4;

    /// The same values, found by folding and by plain loops over what the inference network stores.
    #[test]
    fn ranges_are_those_of_the_values() {
        let weights = random_weights(Architecture::new(Alpha::Quarter, 3), 5, &Device::Cpu).unwrap();
        let size = 32;
        let pixels: Vec<f32> = (0..2 * 3 * size * size)
            .map(|i| ((i * 37) % 101) as f32 / 40.0 - 1.2)
            .collect();
        let images = Tensor::from_slice(&pixels, (2, 3, size, size), &Device::Cpu).unwrap();
        let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
        let ranges = network.ranges(&images).unwrap();
        assert_eq!(ranges.layers.len(), 27);
        let logits = network
            .forward_eval(&images)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        assert_eq!(ranges.logits, largest(logits));

        // The stem by hand: symmetric padding of 1, stride 2.
        let folded = weights.fold();
        let (mut expected, channels) = (0f32, 8);
        for (n, out) in (0..2).flat_map(|n| (0..channels).map(move |out| (n, out))) {
            for (y, x) in (0..size / 2).flat_map(|y| (0..size / 2).map(move |x| (y, x))) {
                let mut sum = folded.convs[0].bias[out];
                for (c, ky, kx) in (0..27).map(|i| (i / 9, i / 3 % 3, i % 3)) {
                    let (row, column) = (2 * y + ky, 2 * x + kx);
                    if (1..=size).contains(&row) && (1..=size).contains(&column) {
                        let value = pixels[((n * 3 + c) * size + row - 1) * size + column - 1];
                        sum += value * folded.convs[0].weight[out * 27 + c * 9 + ky * 3 + kx];
                    }
                }
                expected = expected.max(sum.abs());
            }
        }
        let found = ranges.layers[0].normalised;
        assert!(
            (found - expected).abs() <= ROUNDING * expected,
            "{found}, expected {expected}"
        );

        let mut all = network.ranges(&images.narrow(0, 0, 1).unwrap()).unwrap();
        all.extend(&network.ranges(&images.narrow(0, 1, 1).unwrap()).unwrap());
        for (one, other) in all.layers.iter().zip(&ranges.layers) {
            assert!((one.convolution - other.convolution).abs() <= ROUNDING * other.convolution);
        }
    }
}
