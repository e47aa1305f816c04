//! The optimisers and the moving average, on more tensors than one launch takes and tensors longer than a block's part.

use candle_core::Tensor;
use mbn_testing::{Tolerance, assert_close};

use super::stream::Emulation;
use crate::common::{doubles, noise, tensor, values};
use mbn_ops::average_all;
use mbn_ops::kernels::{self, AveragedTensor, OptimizerTensor, Pointer};
use mbn_ops::optim::{AdamW, AveragedTensors, Sgd};

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

/// The gradient of tensor `i`, of `len` values; that of the first tensor is 0 in every step, as is then what AdamW divides by but for
/// epsilon.
fn gradient(step: usize, i: u64, len: usize) -> Tensor {
    let gradient = tensor(1000 * step as u64 + i, &[len]);
    if i == 0 {
        gradient.zeros_like().unwrap()
    } else {
        gradient
    }
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
            .map(|(i, len)| gradient(step, i, *len))
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
        // Large enough to change the steps.
        epsilon: 1e-2,
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

/// Tables of random lengths, among them none, one more than a block's part, and more tensors than one launch takes.
fn random_lengths(seed: u64, count: usize) -> Vec<usize> {
    let of = |x: &f32| match (x.abs() * 1000.0) as usize {
        0..100 => 0,
        length @ 100..950 => length,
        length => 4097 + length % 7 * 4096,
    };
    noise(seed, count).iter().map(of).collect()
}

#[test]
fn averages_are_a_plain_loops_and_the_cpus() {
    let Some(device) = Emulation::new() else { return };
    let tables = [
        vec![],
        vec![0],
        vec![0, 0, 1],
        vec![3, 0],
        vec![4096, 0, 4097, 1],
        random_lengths(1, 137),
        random_lengths(2, 160),
        random_lengths(3, 161),
        random_lengths(4, 330),
    ];
    let vectors = |seed: usize, lengths: &[usize]| -> Vec<Tensor> {
        let one = |(i, len): (usize, &usize)| tensor((1000 * seed + i) as u64, &[*len]);
        lengths.iter().enumerate().map(one).collect()
    };
    for (seed, lengths) in tables.iter().enumerate() {
        let averages = vectors(2 * seed, lengths);
        let on_device: Vec<Pointer> = averages.iter().map(|average| device.upload(average)).collect();
        let mut naive: Vec<Vec<f64>> = averages.iter().map(doubles).collect();
        for (step, gain) in [0.8, 0.25, 0.001].into_iter().enumerate() {
            let present = vectors(1000 + 10 * seed + step, lengths);
            let entries = on_device
                .iter()
                .zip(&present)
                .map(|(average, value)| AveragedTensor {
                    average: *average,
                    value: device.upload(value),
                    len: value.elem_count(),
                });
            kernels::average_step(&device, &entries.collect::<Vec<_>>(), gain).unwrap();
            let pairs = averages.iter().zip(&present);
            let pairs: Vec<_> = pairs
                .map(|(average, value)| AveragedTensors { average, value })
                .collect();
            average_all(&pairs, gain).unwrap();
            for (naive, value) in naive.iter_mut().zip(&present) {
                for (naive, value) in naive.iter_mut().zip(doubles(value)) {
                    *naive = (1.0 - gain) * *naive + gain * value;
                }
            }
        }
        for (i, naive) in naive.iter().enumerate() {
            let (name, found) = (
                format!("average {i} of {}", lengths.len()),
                device.floats(on_device[i]),
            );
            assert_close(&name, &found, naive, Tolerance::CLOSE);
            // Neither fuses the multiplication with the addition.
            assert_close(&name, &found, &values(&averages[i]), Tolerance::EXACT);
        }
    }
}

#[test]
fn what_does_not_change_is_its_own_average() {
    let Some(device) = Emulation::new() else { return };
    let value = tensor(1, &[5000]);
    let (average, len) = (device.upload(&value), value.elem_count());
    for gain in [0.9, 0.1, 0.001] {
        let entry = AveragedTensor {
            average,
            value: device.upload(&value),
            len,
        };
        kernels::average_step(&device, &[entry], gain).unwrap();
    }
    assert_close(
        "average",
        &device.floats(average),
        &values(&value),
        Tolerance::EXACT,
    );
}
