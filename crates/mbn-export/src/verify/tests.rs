//! Files that do not hold the weights.

use candle_core::Device;
use mbn_model::Network;
use mbn_onnx::export;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess};
use mbn_weights::Weights;

use super::*;

const SIZE: usize = 64;

fn weights(seed: u64) -> Weights {
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

#[test]
fn a_file_of_other_weights_does_not_pass() {
    let options = ExportOptions::default();
    let (ours, others) = (weights(1), weights(2));
    let bytes = export(&ours, &options).unwrap().to_bytes();
    check(&bytes, &Exporter::new(&ours), &options).unwrap();
    let error = check(&bytes, &Exporter::new(&others), &options).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("weights_sha256"), "{message}");
}

#[test]
fn a_damaged_constant_does_not_pass() {
    let options = ExportOptions::default();
    let weights = weights(1);
    let model = export(&weights, &options).unwrap();
    let mut proto = model.proto().clone();
    let tensor = proto.graph.as_mut().unwrap().initializer.last_mut().unwrap();
    tensor.raw_data.as_mut().unwrap()[0] ^= 1;
    let bytes = Model::from(proto).to_bytes();
    let error = check(&bytes, &Exporter::new(&weights), &options).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("constants"), "{message}");
}
