//! A file with Keras's names and layouts gives in candle the logits of Keras's network.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use candle_core::{Device, Tensor};
use mbn_model::{InferenceNetwork, Network};
use mbn_spec::Preprocess;
use mbn_testing::{Tensors, Tolerance, assert_close, reference_path};
use mbn_weights::Weights;

/// Sides of the reference's pictures. The odd one comes out smaller with Keras's padding than with PyTorch's.
const SIZES: [usize; 2] = [96, 75];

/// The pictures of one size, normalised as `preprocess` says.
fn pictures(reference: &Tensors, size: usize, preprocess: &Preprocess) -> Tensor {
    let (shape, pixels) = reference.bytes(&format!("pixels.{size}"));
    let value = |(i, byte): (usize, &u8)| {
        let (scale, offset) = preprocess.affine(i / (size * size) % 3);
        f32::from(*byte) * scale + offset
    };
    let values: Vec<_> = pixels.iter().enumerate().map(value).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn keras_weights_give_keras_logits() {
    let folder = reference_path("keras");
    let reference = Tensors::read(&folder.join("expected.safetensors"));
    let weights = Weights::load(&folder.join("weights.safetensors")).unwrap();
    let preprocess = weights.metadata().preprocess.unwrap();
    let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    let folded = InferenceNetwork::new(&weights.fold(), &Device::Cpu).unwrap();
    for size in SIZES {
        let pictures = pictures(&reference, size, &preprocess);
        let expected = reference.floats(&format!("logits.{size}")).1;
        for (name, logits) in [
            ("network", network.forward_eval(&pictures).unwrap()),
            ("folded network", folded.forward(&pictures).unwrap()),
        ] {
            let logits = logits.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_close(
                &format!("{name}, {size} pixels"),
                &logits,
                &expected,
                Tolerance::LOGITS,
            );
        }
    }
}
