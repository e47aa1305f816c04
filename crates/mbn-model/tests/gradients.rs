//! The whole network's gradient against finite differences of the loss, which takes float64.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use candle_core::{Device, Tensor};
use mbn_model::{Network, Parameter, cross_entropy, random_weights};
use mbn_spec::{Alpha, Architecture, Variant};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// By so much a step changes the loss, at most: a hundred million times its rounding, and little enough that a step
/// hardly ever takes an activation across a kink.
const CHANGE: f64 = 3e-7;
/// Largest part of the derivative along a direction, or of 1 if that is smaller, by which the difference may be off.
/// The loss's rounding, divided by [`CHANGE`], makes about 5e-7 of it.
const TOLERANCE: f64 = 5e-6;
const SMOOTHING: f64 = 0.1;

fn uniform(rng: &mut Pcg64Mcg, shape: &[usize]) -> Tensor {
    let values = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0));
    Tensor::from_vec(values.collect::<Vec<f64>>(), shape, &Device::Cpu).unwrap()
}

fn scalar(tensor: &Tensor) -> f64 {
    tensor.to_scalar().unwrap()
}

/// Along a random direction of each tensor alone, and along some of all together.
#[test]
fn gradient_is_the_finite_difference_of_the_loss() {
    let architecture = Architecture {
        alpha: Alpha::Quarter,
        classes: 10,
        variant: Variant::default(),
    };
    let weights = random_weights(architecture, 1, &Device::Cpu).unwrap();
    let mut network = Network::in_double_precision(&weights, &Device::Cpu).unwrap();
    let mut rng = Pcg64Mcg::seed_from_u64(2);
    let images = uniform(&mut rng, &[4, 3, 32, 32]);
    let labels = Tensor::new(&[3u32, 1, 4, 1], &Device::Cpu).unwrap();
    let pass = network.forward_train(&images).unwrap();
    let loss = cross_entropy(pass.logits(), &labels, SMOOTHING).unwrap();
    let gradients = network.backward(pass, &loss).unwrap();

    let parameters: Vec<Parameter> = network.parameters().cloned().collect();
    let alone = parameters
        .iter()
        .map(|parameter| (parameter.name.as_str(), std::slice::from_ref(parameter)));
    let together = [("all", parameters.as_slice()); 4];
    let mut worst = 0.0f64;
    for (name, moved) in alone.chain(together) {
        let directions: Vec<Tensor> = moved
            .iter()
            .map(|p| uniform(&mut rng, p.tensor().dims()))
            .collect();
        let before: Vec<Tensor> = moved.iter().map(|p| p.tensor().copy().unwrap()).collect();
        let along = |(p, direction): (&Parameter, &Tensor)| {
            scalar(
                &(gradients.get(p).unwrap() * direction)
                    .unwrap()
                    .sum_all()
                    .unwrap(),
            )
        };
        let derivative: f64 = moved.iter().zip(&directions).map(along).sum();
        let scale = derivative.abs().max(1.0);
        let mut loss_at = |step: f64| {
            for ((p, before), direction) in moved.iter().zip(&before).zip(&directions) {
                p.var
                    .set(&(before + (direction * step).unwrap()).unwrap())
                    .unwrap();
            }
            let pass = network.forward_train(&images).unwrap();
            scalar(&cross_entropy(pass.logits(), &labels, SMOOTHING).unwrap())
        };
        let step = CHANGE / scale;
        let difference = (loss_at(step) - loss_at(-step)) / (2.0 * step);
        for (p, before) in moved.iter().zip(&before) {
            p.var.set(before).unwrap();
        }
        let error = (difference - derivative).abs() / scale;
        worst = worst.max(error);
        assert!(
            error <= TOLERANCE,
            "{name}: difference {difference}, derivative {derivative}"
        );
    }
    eprintln!("the farthest difference is {worst:.1e} off");
}
