//! What comes after the convolutions: the classifier and its loss.

#[cfg(feature = "cuda")]
use candle_core::Tensor;
use candle_core::{DType, Device};
use mbn_testing::Tolerance;

use super::comparison::Found;
use super::noise;
use crate::common;

/// [`mbn_ops::linear`] both ways.
pub fn classifier([n, c, k]: [usize; 3], seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let of = |seed, shape: &[usize]| noise(seed, shape, DType::F32, device);
        let (features, weight, bias) = (of(seed, &[n, c]), of(seed ^ 1, &[k, c]), of(seed ^ 2, &[k]));
        let logits = mbn_ops::linear(&features, &weight, &bias).unwrap();
        let gradient = of(seed ^ 3, &[n, k]);
        let before = mbn_ops::linear_backward(&gradient, &features, &weight).unwrap();
        vec![
            Found::sum("logits", &logits, DType::F32, c),
            Found::sum("features' gradient", &before.features, DType::F32, k),
            Found::sum("weight's gradient", &before.weight, DType::F32, n),
            Found::sum("bias's gradient", &before.bias, DType::F32, n),
        ]
    }
}

/// Softmax cross entropy against labels, and against weights of all classes: on the CPU by its definition in float64.
pub fn cross_entropy([n, k]: [usize; 2], smoothing: f32, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let logits: Vec<f32> = common::noise(seed, n * k).iter().map(|x| 8.0 * x).collect();
        let labels: Vec<u32> = (0..n).map(|i| (i * 7 % k) as u32).collect();
        let smoothed = |i: usize| {
            let of_label = if labels[i / k] as usize == i % k {
                1.0 - smoothing
            } else {
                0.0
            };
            of_label + smoothing / k as f32
        };
        let smoothed: Vec<f32> = (0..n * k).map(smoothed).collect();
        // Mixed pictures with class weights: rows that do not sum to one.
        let weights: Vec<f32> = common::noise(seed ^ 7, n * k).iter().map(|x| x.abs()).collect();
        let [hard, soft] = match device {
            Device::Cpu => [&smoothed, &weights].map(|targets| naive_cross_entropy(&logits, targets, k)),
            #[cfg(feature = "cuda")]
            device => {
                let labels = Tensor::new(labels.as_slice(), device).unwrap();
                let targets = Tensor::from_slice(&weights, (n, k), device).unwrap();
                let run = |loss: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>| {
                    on_cuda(device, &logits, [n, k], loss).unwrap()
                };
                [
                    run(&|logits| mbn_ops::cross_entropy(logits, &labels, smoothing)),
                    run(&|logits| mbn_ops::soft_cross_entropy(logits, &targets)),
                ]
            }
            #[cfg(not(feature = "cuda"))]
            _ => panic!("no such device in this build"),
        };
        vec![
            Found::within("loss", vec![hard.0], Tolerance::CLOSE),
            Found::within("gradient", hard.1, Tolerance::CLOSE),
            Found::within("loss against weights", vec![soft.0], Tolerance::CLOSE),
            Found::within("gradient against weights", soft.1, Tolerance::CLOSE),
        ]
    }
}

/// A loss and the gradient of the logits by candle's backward pass.
#[cfg(feature = "cuda")]
fn on_cuda(
    device: &Device,
    logits: &[f32],
    shape: [usize; 2],
    loss: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>,
) -> candle_core::Result<(f32, Vec<f32>)> {
    let logits = candle_core::Var::from_tensor(&Tensor::from_slice(logits, &shape[..], device)?)?;
    let loss = loss(&logits)?;
    let gradients = loss.backward()?;
    let Some(gradient) = gradients.get(&logits) else {
        candle_core::bail!("the logits have no gradient")
    };
    Ok((loss.to_scalar()?, common::values(gradient)))
}

/// `-mean over rows of sum(target log softmax(logits))` and its gradient.
fn naive_cross_entropy(logits: &[f32], targets: &[f32], k: usize) -> (f32, Vec<f32>) {
    let scale = k as f64 / logits.len() as f64;
    let (mut loss, mut gradient) = (0.0, Vec::new());
    for (logits, targets) in logits.chunks(k).zip(targets.chunks(k)) {
        let exps: Vec<f64> = logits.iter().map(|x| f64::from(*x).exp()).collect();
        let sum: f64 = exps.iter().sum();
        let weight: f64 = targets.iter().map(|t| f64::from(*t)).sum();
        for (exp, target) in exps.iter().zip(targets) {
            loss -= scale * f64::from(*target) * (exp / sum).ln();
            gradient.push((scale * (weight * exp / sum - f64::from(*target))) as f32);
        }
    }
    (loss as f32, gradient)
}
