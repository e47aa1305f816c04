//! The optimisers, on more tensors than one launch takes and tensors longer than a block's part.

use candle_core::Tensor;
use mbn_testing::{Tolerance, assert_close};

use super::stream::Emulation;
use crate::common::{tensor, values};
use mbn_ops::kernels::{self, OptimizerTensor, Pointer};
use mbn_ops::optim::{AdamW, Sgd};

const STEPS: usize = 3;

fn lengths() -> Vec<usize> {
    [1, 37, 4096, 9000]
        .into_iter()
        .chain(std::iter::repeat_n(5, 100))
        .collect()
}

/// Whether weight decay applies to tensor `i`.
fn decays(i: usize) -> bool {
    i.is_multiple_of(2)
}

/// Takes steps on the device and, one tensor at a time, on the CPU, with states of `state` times a tensor's length.
fn check(
    device: &Emulation,
    state: usize,
    on_device: impl Fn(usize, &[OptimizerTensor]),
    on_cpu: impl Fn(usize, bool, [&Tensor; 3]),
) {
    let lengths = lengths();
    let parameters: Vec<Tensor> = (0..).zip(&lengths).map(|(i, len)| tensor(i, &[*len])).collect();
    let zeros = |len: &usize| {
        let shape: &[usize] = if state == 1 { &[*len] } else { &[state, *len] };
        Tensor::zeros(shape, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap()
    };
    let states: Vec<Tensor> = lengths.iter().map(zeros).collect();
    let pointers: Vec<[Pointer; 2]> = parameters
        .iter()
        .zip(&states)
        .map(|(p, s)| [device.upload(p), device.upload(s)])
        .collect();
    for step in 1..=STEPS {
        let gradients: Vec<Tensor> = (0..)
            .zip(&lengths)
            .map(|(i, len)| tensor(1000 * step as u64 + i, &[*len]))
            .collect();
        let entry = |i: usize| OptimizerTensor {
            parameter: pointers[i][0],
            state: pointers[i][1],
            gradient: device.upload(&gradients[i]),
            len: lengths[i],
            decays: decays(i),
        };
        on_device(step, &(0..lengths.len()).map(entry).collect::<Vec<_>>());
        for (i, gradient) in gradients.iter().enumerate() {
            on_cpu(step, decays(i), [&parameters[i], &states[i], gradient]);
        }
    }
    for (i, [parameter, state]) in pointers.iter().enumerate() {
        let name = format!("tensor {i}");
        assert_close(
            &name,
            &device.floats(*parameter),
            &values(&parameters[i]),
            Tolerance::CLOSE,
        );
        assert_close(
            &name,
            &device.floats(*state),
            &values(&states[i]),
            Tolerance::CLOSE,
        );
    }
}

#[test]
fn sgd_is_the_cpus() {
    let Some(device) = Emulation::new() else { return };
    for nesterov in [false, true] {
        let sgd = |decays| Sgd {
            learning_rate: 0.05,
            momentum: 0.9,
            weight_decay: if decays { 0.1 } else { 0.0 },
            nesterov,
        };
        check(
            &device,
            1,
            |_, tensors| kernels::sgd_step(&device, tensors, sgd(true)).unwrap(),
            |_, decays, [parameter, buffer, gradient]| sgd(decays).step(parameter, buffer, gradient).unwrap(),
        );
    }
}

#[test]
fn adamw_is_the_cpus() {
    let Some(device) = Emulation::new() else { return };
    let adamw = |step: usize, decays| AdamW {
        learning_rate: 0.01,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        weight_decay: if decays { 0.1 } else { 0.0 },
        step: step as i32,
    };
    check(
        &device,
        2,
        |step, tensors| kernels::adamw_step(&device, tensors, adamw(step, true)).unwrap(),
        |step, decays, [parameter, moments, gradient]| {
            adamw(step, decays).step(parameter, moments, gradient).unwrap()
        },
    );
}
