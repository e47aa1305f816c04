//! The steps of the optimisers and of the moving average on all tensors at once.

use candle_core::{DType, Device, Tensor};
use mbn_ops::average_all;
use mbn_ops::optim::{AdamW, AveragedTensors, Sgd, StepTensors};
use mbn_testing::Tolerance;

use super::comparison::Found;
use super::noise;
use crate::common::values;

const STEPS: i32 = 3;
/// The tensor whose gradient is 0.
const ALWAYS_ZERO: usize = 1;

/// Lengths of more tensors than one launch takes: of the network's size, small, odd, one.
fn lengths() -> Vec<usize> {
    let small = (0..110).map(|i| 1 + i * 37 % 1031);
    [1024 * 1024, 27 * 32, 1].into_iter().chain(small).collect()
}

/// Parameters, states of `per_value` values for each of theirs, and gradients of each step.
fn steps(
    device: &Device,
    per_value: usize,
    step: impl Fn(i32, &[StepTensors]) -> candle_core::Result<()>,
) -> Vec<Found> {
    let lengths = lengths();
    let many = |seed: u64| -> Vec<Tensor> {
        let one = |(i, len): (usize, &usize)| noise(seed + i as u64, &[*len], DType::F32, device);
        lengths.iter().enumerate().map(one).collect()
    };
    let state = |len: &usize| {
        let shape = if per_value == 1 {
            vec![*len]
        } else {
            vec![per_value, *len]
        };
        Tensor::zeros(shape, DType::F32, device).unwrap()
    };
    let parameters = many(1);
    let states: Vec<Tensor> = lengths.iter().map(state).collect();
    for number in 1..=STEPS {
        let mut gradients = many(1000 * number as u64);
        // In every step, so that AdamW divides by epsilon alone.
        gradients[ALWAYS_ZERO] = gradients[ALWAYS_ZERO].zeros_like().unwrap();
        let tensors: Vec<StepTensors> = (0..lengths.len())
            .map(|i| StepTensors {
                parameter: &parameters[i],
                state: &states[i],
                gradient: &gradients[i],
                decays: i % 2 == 0,
            })
            .collect();
        step(number, &tensors).unwrap();
    }
    let all = |tensors: &[Tensor]| tensors.iter().flat_map(values).collect();
    vec![
        Found::within("parameters", all(&parameters), Tolerance::CLOSE),
        Found::within("states", all(&states), Tolerance::CLOSE),
    ]
}

pub fn sgd(nesterov: bool) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let sgd = Sgd {
            learning_rate: 0.05,
            momentum: 0.9,
            weight_decay: 0.1,
            nesterov,
        };
        steps(device, 1, |_, tensors| sgd.step_all(tensors))
    }
}

pub fn adamw() -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        steps(device, 2, |step, tensors| {
            let adamw = AdamW {
                learning_rate: 0.01,
                beta1: 0.9,
                beta2: 0.99,
                // Large enough to change the steps.
                epsilon: 1e-2,
                weight_decay: 0.1,
                step,
            };
            adamw.step_all(tensors)
        })
    }
}

/// Averages of tensors of all [`lengths`], twice over.
pub fn average() -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let lengths = [lengths(), lengths()].concat();
        let many = |seed: u64| -> Vec<Tensor> {
            let one = |(i, len): (usize, &usize)| noise(seed + i as u64, &[*len], DType::F32, device);
            lengths.iter().enumerate().map(one).collect()
        };
        let averages = many(1);
        for step in 1..=STEPS as u64 {
            let present = many(1000 * step);
            let pairs = averages.iter().zip(&present);
            let pairs: Vec<_> = pairs
                .map(|(average, value)| AveragedTensors { average, value })
                .collect();
            average_all(&pairs, 0.5 / step as f64).unwrap();
        }
        let all = averages.iter().flat_map(values).collect();
        vec![Found::within("averages", all, Tolerance::CLOSE)]
    }
}
