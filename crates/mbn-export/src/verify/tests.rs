//! Files that do not hold the weights.

use mbn_onnx::export;

use super::*;
use crate::fixtures::weights;

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
