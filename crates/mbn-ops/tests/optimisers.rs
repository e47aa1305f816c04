//! SGD and AdamW against their definitions in float64, on given gradients.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use candle_core::{Device, Tensor};
use common::{noise, tensor, values};
use mbn_ops::optim::{AdamW, Sgd};
use mbn_testing::{Tolerance, assert_close};

const LEN: usize = 37;
const STEPS: usize = 4;

fn doubles(seed: u64) -> Vec<f64> {
    noise(seed, LEN).into_iter().map(f64::from).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

/// `torch.optim.SGD`: `buffer = momentum buffer + g`, `p -= lr (g + momentum buffer if nesterov else buffer)`.
#[test]
fn sgd_is_its_definition() {
    for nesterov in [false, true] {
        let (rate, momentum, decay) = (0.05, 0.9, 0.1);
        let (mut p, mut buffer) = (doubles(1), vec![0.0; LEN]);
        let parameter = tensor(1, &[LEN]);
        let state = Tensor::zeros(LEN, candle_core::DType::F32, &Device::Cpu).unwrap();
        for step in 0..STEPS {
            let gradient = doubles(10 + step as u64);
            for i in 0..LEN {
                let g = gradient[i] + decay * p[i];
                buffer[i] = momentum * buffer[i] + g;
                p[i] -= rate
                    * if nesterov {
                        g + momentum * buffer[i]
                    } else {
                        buffer[i]
                    };
            }
            let sgd = Sgd {
                learning_rate: 0.05,
                momentum: 0.9,
                weight_decay: 0.1,
                nesterov,
            };
            sgd.step(&parameter, &state, &tensor(10 + step as u64, &[LEN]))
                .unwrap();
            assert_close("parameter", &values(&parameter), &narrow(&p), Tolerance::CLOSE);
            assert_close("buffer", &values(&state), &narrow(&buffer), Tolerance::CLOSE);
        }
    }
}

/// `torch.optim.AdamW`: decay first, then `lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)`.
#[test]
fn adamw_is_its_definition() {
    let (rate, beta1, beta2, epsilon, decay) = (0.01f64, 0.9f64, 0.99f64, 1e-8, 0.1);
    let (mut p, mut m, mut v) = (doubles(1), vec![0.0; LEN], vec![0.0; LEN]);
    let parameter = tensor(1, &[LEN]);
    let state = Tensor::zeros((2, LEN), candle_core::DType::F32, &Device::Cpu).unwrap();
    for step in 1..=STEPS {
        let gradient = doubles(10 + step as u64);
        let (bias1, bias2) = (1.0 - beta1.powi(step as i32), 1.0 - beta2.powi(step as i32));
        for i in 0..LEN {
            p[i] *= 1.0 - rate * decay;
            m[i] = beta1 * m[i] + (1.0 - beta1) * gradient[i];
            v[i] = beta2 * v[i] + (1.0 - beta2) * gradient[i] * gradient[i];
            p[i] -= rate / bias1 * m[i] / (v[i].sqrt() / bias2.sqrt() + epsilon);
        }
        let adamw = AdamW {
            learning_rate: rate,
            beta1,
            beta2,
            epsilon,
            weight_decay: decay,
            step: step as i32,
        };
        adamw
            .step(&parameter, &state, &tensor(10 + step as u64, &[LEN]))
            .unwrap();
        assert_close("parameter", &values(&parameter), &narrow(&p), Tolerance::CLOSE);
        assert_close(
            "moments",
            &values(&state),
            &narrow(&[m.clone(), v.clone()].concat()),
            Tolerance::CLOSE,
        );
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
