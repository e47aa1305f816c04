//! What the teacher sees, and that a student learns its answers.

use candle_core::{D, DType};
use mbn_spec::{Alpha, Architecture, Metadata};

use super::*;
use crate::{
    ActivationType, CrossEntropy, Decayed, Distillation, Network, Optimizer, OptimizerKind, cross_entropy,
    fresh_weights, random_weights,
};

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn images(n: usize, size: usize) -> Tensor {
    let pixel = |at: usize| ((at * 7919 + at / 31) % 255) as f32 / 255.0;
    let pixels = (0..n * 3 * size * size).map(pixel).collect();
    Tensor::from_vec(pixels, (n, 3, size, size), &Device::Cpu).unwrap()
}

/// `(images - mean) / std`, channel by channel.
fn normalized(images: &Tensor, preprocess: &Preprocess) -> Tensor {
    let channels = |values: [f32; 3]| {
        let tensor = Tensor::new(&values, &Device::Cpu).unwrap();
        tensor.reshape((1, 3, 1, 1)).unwrap()
    };
    let centred = images.broadcast_sub(&channels(preprocess.mean)).unwrap();
    centred.broadcast_div(&channels(preprocess.std)).unwrap()
}

#[test]
fn the_teacher_sees_its_own_normalisation_and_size() {
    let weights = random_weights(Architecture::new(Alpha::Quarter, 4), 3, &Device::Cpu).unwrap();
    let network = InferenceNetwork::new(&weights.fold(), &Device::Cpu).unwrap();
    let student = Preprocess::default().with_size(48);
    let own = Preprocess {
        mean: [0.1, 0.5, 0.9],
        std: [0.5, 0.25, 0.75],
        ..Preprocess::default().with_size(64)
    };
    let mut teacher = Teacher::new(&weights.fold(), &own, &student, &Device::Cpu).unwrap();
    let mut likewise = Teacher::new(&weights.fold(), &student.with_size(64), &student, &Device::Cpu).unwrap();
    // Images of a run that grow, and shrink again in a test of them.
    for size in [48, 64, 32, 96, 48] {
        let pixels = images(2, size);
        let resized = match size {
            64 => pixels.clone(),
            _ => Resample::new(size, 64, &Device::Cpu)
                .unwrap()
                .apply(&pixels)
                .unwrap(),
        };
        for (teacher, preprocess) in [(&mut teacher, &own), (&mut likewise, &student)] {
            let expected = values(&network.forward(&normalized(&resized, preprocess)).unwrap());
            let found = values(&teacher.logits(&normalized(&pixels, &student)).unwrap());
            let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-4 * largest,
                    "{size}: {found} {expected}"
                );
            }
        }
    }
    assert!(teacher.logits(&images(2, 48).flatten_all().unwrap()).is_err());
}

/// The largest difference of two networks' logits, less each image's mean, which has no effect on probabilities.
fn distance(one: &Tensor, other: &Tensor) -> f32 {
    let centred = |logits: &Tensor| {
        let mean = logits.mean_keepdim(D::Minus1).unwrap();
        values(&logits.broadcast_sub(&mean).unwrap())
    };
    let pairs = centred(one).into_iter().zip(centred(other));
    pairs.fold(0f32, |most, (one, other)| most.max((one - other).abs()))
}

/// Without a look at the labels, a student learns its teacher's logits for a few images by heart.
#[test]
fn a_student_learns_the_logits_of_its_teacher() {
    const STEPS: u32 = 80;
    let preprocess = Preprocess::default().with_size(32);
    let own = preprocess.with_size(48);
    let weights = random_weights(Architecture::new(Alpha::Half, 5), 8, &Device::Cpu).unwrap();
    let mut teacher = Teacher::new(&weights.fold(), &own, &preprocess, &Device::Cpu).unwrap();
    let fresh = fresh_weights(Architecture::new(Alpha::Quarter, 5), 2, Metadata::default()).unwrap();
    let only = Distillation {
        weight: 1.0,
        temperature: 4.0,
    };
    for activation_type in [ActivationType::F32, ActivationType::Bf16] {
        let mut network = Network::from_weights(&fresh, &Device::Cpu).unwrap();
        network.set_activation_type(activation_type);
        let images = normalized(&images(6, 32), &preprocess);
        let labels = Tensor::zeros(6, DType::U32, &Device::Cpu).unwrap();
        let mut optimizer = Optimizer::new(
            OptimizerKind::AdamW {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
            },
            0.0,
            Decayed::Weights,
        );
        let mut distances = Vec::new();
        for step in 0..STEPS {
            let pass = network.forward_train(&images).unwrap();
            let answers = teacher.logits(&images).unwrap();
            distances.push(distance(pass.logits(), &answers));
            let hard = cross_entropy(pass.logits(), &labels, 0.0).unwrap();
            let loss: CrossEntropy = only.blend(hard, pass.logits(), &answers, None).unwrap();
            let gradients = network.backward(pass, &loss).unwrap();
            let rate = 3e-3 * (1.0 - f64::from(step) / f64::from(STEPS));
            optimizer
                .step(network.trainable_parameters(), &gradients, rate)
                .unwrap();
        }
        let (first, last) = (distances[0], distances[distances.len() - 1]);
        println!("{activation_type:?} {first} {last}");
        assert!(last < 0.1 * first, "{activation_type:?}: {first}, then {last}");
    }
}
