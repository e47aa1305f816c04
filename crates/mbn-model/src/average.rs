//! A moving average of the weights, which generalises better than the weights of any one step.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};
use mbn_ops::average_all;
use mbn_ops::optim::AveragedTensors;
use mbn_spec::Metadata;
use mbn_weights::Weights;

use crate::Network;

/// An exponential moving average of parameters and of batch norm's running statistics.
///
/// The average of `t` updates moves by `1 - min(decay, (1 + t) / (10 + t))` of the distance to the network: without
/// this warm-up, a short run would end with the average of its random beginning.
#[derive(Debug)]
pub struct WeightAverage {
    decay: f64,
    tensors: BTreeMap<String, Tensor>,
}

impl WeightAverage {
    /// An average that starts from the network as it is. `decay` is at least 0 and below 1.
    ///
    /// # Errors
    /// If the device cannot hold a copy of the weights.
    pub fn new(network: &Network, decay: f64) -> Result<Self> {
        let copies = network
            .tensors()
            .map(|(name, tensor)| Ok((name, tensor.detach().copy()?)));
        Ok(Self {
            decay,
            tensors: copies.collect::<Result<_>>()?,
        })
    }

    /// An average that continues from `weights`.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn from_weights(weights: &Weights, network: &Network, decay: f64) -> Result<Self> {
        let copies = network.tensors().map(|(name, tensor)| {
            let values = Tensor::from_slice(weights.values(&name), tensor.shape(), tensor.device())?;
            Ok((name, values))
        });
        Ok(Self {
            decay,
            tensors: copies.collect::<Result<_>>()?,
        })
    }

    /// Updates the average with the network after step number `steps`, counted from 1.
    ///
    /// # Errors
    /// If the network is another one, or the device fails.
    pub fn update(&mut self, network: &Network, steps: u32) -> Result<()> {
        let tensors = network.tensors().map(|(name, value)| {
            let Some(average) = self.tensors.get(&name) else {
                bail!("the average has no tensor `{name}`")
            };
            Ok(AveragedTensors { average, value })
        });
        average_all(&tensors.collect::<Result<Vec<_>>>()?, 1.0 - self.decay_at(steps))
    }

    fn decay_at(&self, steps: u32) -> f64 {
        let steps = f64::from(steps);
        self.decay.min((1.0 + steps) / (10.0 + steps))
    }

    /// The averaged weights; counters are the network's.
    ///
    /// # Errors
    /// If the values cannot be brought to the CPU or do not fit the metadata.
    pub fn to_weights(&self, network: &Network, metadata: Metadata) -> Result<Weights> {
        let values =
            |(name, tensor): (&String, &Tensor)| Ok((name.clone(), tensor.flatten_all()?.to_vec1::<f32>()?));
        let floats = self.tensors.iter().map(values).collect::<Result<_>>()?;
        network.with_floats(metadata, floats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use mbn_spec::{Alpha, Architecture};

    fn network() -> Network {
        let weights = crate::fresh_weights(Architecture::new(Alpha::Quarter, 3), 1, Metadata::default());
        Network::from_weights(&weights.unwrap(), &Device::Cpu).unwrap()
    }

    #[test]
    fn follows_the_recurrence_for_parameters_and_statistics() {
        let mut network = network();
        let before = network.to_weights(Metadata::default()).unwrap();
        let mut average = WeightAverage::new(&network, 0.5).unwrap();
        let images = Tensor::randn(0f32, 1.0, (4, 3, 32, 32), &Device::Cpu).unwrap();
        for parameter in network.parameters() {
            parameter.var.set(&(parameter.tensor() + 1.0).unwrap()).unwrap();
        }
        network.forward_train(&images).unwrap();
        let after = network.to_weights(Metadata::default()).unwrap();
        average.update(&network, 1).unwrap();
        let averaged = average.to_weights(&network, Metadata::default()).unwrap();
        // After one update the warm-up's decay of 2/11 is in force, not 0.5.
        for name in [
            "fc.bias",
            "model.5.3.weight",
            "model.0.1.running_mean",
            "model.9.1.running_var",
        ] {
            let parts = before
                .values(name)
                .iter()
                .zip(after.values(name))
                .zip(averaged.values(name));
            for ((before, after), averaged) in parts {
                let expected = before * (2.0 / 11.0) + after * (9.0 / 11.0);
                assert!(
                    (expected - averaged).abs() < 1e-5,
                    "{name}: {expected} {averaged}"
                );
            }
            assert_ne!(after.values(name), averaged.values(name), "{name}");
        }
        assert_eq!(averaged.counter("model.0.1.num_batches_tracked"), 1);

        // Much later the decay itself is in force.
        let earlier = averaged.values("fc.bias")[0];
        average.update(&network, 1000).unwrap();
        let later = average.to_weights(&network, Metadata::default()).unwrap();
        let expected = 0.5 * (earlier + after.values("fc.bias")[0]);
        assert!((later.values("fc.bias")[0] - expected).abs() < 1e-6);
    }

    #[test]
    fn what_does_not_change_is_its_own_average_and_a_saved_average_goes_on() {
        let network = network();
        let weights = network.to_weights(Metadata::default()).unwrap();
        let mut average = WeightAverage::from_weights(&weights, &network, 0.999).unwrap();
        for steps in 1..20 {
            average.update(&network, steps).unwrap();
        }
        assert!(average.to_weights(&network, Metadata::default()).unwrap() == weights);
    }
}
