//! SGD and AdamW against the same steps in float64, on given gradients.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{DType, Device, Tensor};
use common::{doubles, noise, tensor, values};
use mbn_ops::optim::{AdamW, Sgd};
use mbn_testing::{Tolerance, assert_close, float64};

const LEN: usize = 37;
const STEPS: i32 = 4;

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

/// Its first value is 0 in every step, as is then what AdamW divides by but for epsilon.
fn gradient(step: i32) -> Tensor {
    let mut values = noise(10 + step as u64, LEN);
    values[0] = 0.0;
    Tensor::new(values, &Device::Cpu).unwrap()
}

#[test]
fn sgd_is_its_definition() {
    for nesterov in [false, true] {
        let (learning_rate, momentum, weight_decay) = (0.05, 0.9, 0.1);
        let sgd = Sgd {
            learning_rate,
            momentum,
            weight_decay,
            nesterov,
        };
        let reference = float64::Sgd {
            learning_rate,
            momentum,
            weight_decay,
            nesterov,
        };
        let (parameter, buffer) = (tensor(1, &[LEN]), zeros(&[LEN]));
        let (mut p, mut b) = (doubles(&parameter), vec![0.0; LEN]);
        for step in 1..=STEPS {
            let gradient = gradient(step);
            sgd.step(&parameter, &buffer, &gradient).unwrap();
            reference.step(&mut p, &mut b, &doubles(&gradient));
            assert_close("parameter", &values(&parameter), &p, Tolerance::CLOSE);
            assert_close("buffer", &values(&buffer), &b, Tolerance::CLOSE);
        }
    }
}

#[test]
fn adamw_is_its_definition() {
    // An epsilon that is large enough to change the steps.
    let (learning_rate, beta1, beta2, epsilon, weight_decay) = (0.01, 0.9, 0.99, 1e-2, 0.1);
    let (parameter, moments) = (tensor(1, &[LEN]), zeros(&[2, LEN]));
    let (mut p, mut m) = (doubles(&parameter), vec![0.0; 2 * LEN]);
    for step in 1..=STEPS {
        let adamw = AdamW {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            step,
        };
        let reference = float64::AdamW {
            learning_rate,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            step,
        };
        let gradient = gradient(step);
        adamw.step(&parameter, &moments, &gradient).unwrap();
        reference.step(&mut p, &mut m, &doubles(&gradient));
        assert_close("parameter", &values(&parameter), &p, Tolerance::CLOSE);
        assert_close("moments", &values(&moments), &m, Tolerance::CLOSE);
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let sgd = Sgd {
        learning_rate: 0.1,
        momentum: 0.9,
        weight_decay: 0.0,
        nesterov: false,
    };
    assert!(
        sgd.step(&tensor(1, &[4]), &tensor(2, &[4]), &tensor(3, &[5]))
            .is_err()
    );
    let adamw = AdamW {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        step: 1,
    };
    assert!(
        adamw
            .step(&tensor(1, &[4]), &tensor(2, &[4]), &tensor(3, &[4]))
            .is_err()
    );
}
