//! Weights for tests.

use candle_core::Device;
use mbn_model::Network;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess};
use mbn_weights::Weights;

/// Height and width of the images.
pub(crate) const SIZE: usize = 64;

/// Random weights of the smallest network, for five classes.
pub(crate) fn weights(seed: u64) -> Weights {
    let architecture = Architecture::new(Alpha::Quarter, 5);
    let random = mbn_model::random_weights(architecture, seed, &Device::Cpu).unwrap();
    let metadata = Metadata {
        preprocess: Some(Preprocess {
            size: SIZE,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let network = Network::from_weights(&random, &Device::Cpu).unwrap();
    network.to_weights(metadata).unwrap()
}
