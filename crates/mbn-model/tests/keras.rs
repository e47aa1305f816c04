//! Keras's published weights give in candle what they give in Keras.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use candle_core::{Device, Tensor};
use mbn_model::{InferenceNetwork, Network};
use mbn_spec::Preprocess;
use mbn_weights::Weights;

const WEIGHTS: &str = "weights/mobilenet_v1_0.25_224_imagenet_keras.safetensors";

/// The first logits of the picture below, by Keras 3 on PyTorch: `keras.applications.MobileNet(alpha=0.25,
/// classifier_activation=None)` with these weights, the input scaled to [-1, 1].
const LOGITS: [f32; 8] = [
    0.174_315_48,
    0.252_471_2,
    -0.227_166_53,
    -4.571_23,
    0.092_940_09,
    0.036_425_233,
    -0.443_826_38,
    -1.216_584_4,
];
const FIRST_CLASS: (usize, f32) = (506, 10.015_548);

/// Both sides sum in float32; folding moves the weights by their rounding. Found: 4e-6.
const TOLERANCE: f32 = 1e-4;

/// `[1, 3, 224, 224]`, channel `c` of row `y` and column `x` being `(7 x + 13 y + 41 c + x y % 97) % 256`.
fn picture(preprocess: &Preprocess) -> Tensor {
    let size = preprocess.size;
    let mut values = Vec::with_capacity(3 * size * size);
    for c in 0..3 {
        let (scale, offset) = preprocess.affine(c);
        for y in 0..size {
            for x in 0..size {
                let byte = (7 * x + 13 * y + 41 * c + y * x % 97) % 256;
                values.push(byte as f32 * scale + offset);
            }
        }
    }
    Tensor::from_vec(values, (1, 3, size, size), &Device::Cpu).unwrap()
}

#[test]
fn published_weights_give_keras_logits() {
    let Some(shared) = mbn_testing::shared_dir("published_weights_give_keras_logits") else {
        return;
    };
    let weights = Weights::load(&shared.join(WEIGHTS)).unwrap();
    let picture = picture(&weights.metadata().preprocess.unwrap());
    let mut network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    let folded = InferenceNetwork::new(&weights.fold(), &Device::Cpu).unwrap();
    for logits in [
        network.forward_eval(&picture).unwrap(),
        folded.forward(&picture).unwrap(),
    ] {
        let logits = logits.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(logits[FIRST_CLASS.0], largest);
        let expected = LOGITS.iter().enumerate().chain([(FIRST_CLASS.0, &FIRST_CLASS.1)]);
        for (i, expected) in expected {
            let difference = (logits[i] - expected).abs();
            assert!(
                difference < TOLERANCE,
                "logit {i}: {}, expected {expected}",
                logits[i]
            );
        }
    }
}
