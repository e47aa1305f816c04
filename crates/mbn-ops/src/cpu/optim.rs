//! The element-wise passes of the optimisers, with the formulas of `torch.optim`, and of the moving average.

use super::simd::vectorised;
use crate::operands::optim::{AdamW, Sgd};

/// `buffer = momentum buffer + (gradient + weight_decay parameter)`
pub(crate) fn sgd_momentum(buffer: &mut [f32], parameter: &[f32], gradient: &[f32], sgd: &Sgd) {
    let (momentum, weight_decay) = (sgd.momentum as f32, sgd.weight_decay as f32);
    vectorised(
        #[inline(always)]
        |_| {
            for ((b, p), g) in buffer.iter_mut().zip(parameter).zip(gradient) {
                *b = momentum * *b + (g + weight_decay * p);
            }
        },
    );
}

/// `parameter -= learning_rate step`, where `step` is the buffer, or with Nesterov's momentum
/// `gradient + weight_decay parameter + momentum buffer`.
pub(crate) fn sgd_descend(parameter: &mut [f32], buffer: &[f32], gradient: &[f32], sgd: &Sgd) {
    let (momentum, weight_decay) = (sgd.momentum as f32, sgd.weight_decay as f32);
    let learning_rate = sgd.learning_rate as f32;
    vectorised(
        #[inline(always)]
        |_| {
            for ((p, b), g) in parameter.iter_mut().zip(buffer).zip(gradient) {
                let step = if sgd.nesterov {
                    g + weight_decay * *p + momentum * b
                } else {
                    *b
                };
                *p -= learning_rate * step;
            }
        },
    );
}

/// Moving averages of the gradient and of its square.
pub(crate) fn adamw_moments(first: &mut [f32], second: &mut [f32], gradient: &[f32], adamw: &AdamW) {
    let (beta1, beta2) = (adamw.beta1 as f32, adamw.beta2 as f32);
    let (gain1, gain2) = ((1.0 - adamw.beta1) as f32, (1.0 - adamw.beta2) as f32);
    vectorised(
        #[inline(always)]
        |_| {
            for ((m, v), g) in first.iter_mut().zip(second).zip(gradient) {
                *m = beta1 * *m + gain1 * g;
                *v = beta2 * *v + gain2 * g * g;
            }
        },
    );
}

/// `parameter -= learning_rate (weight_decay parameter + m / bias1 / (sqrt(v / bias2) + epsilon))`
pub(crate) fn adamw_descend(parameter: &mut [f32], first: &[f32], second: &[f32], adamw: &AdamW) {
    let bias1 = 1.0 - adamw.beta1.powi(adamw.step);
    let bias2 = 1.0 - adamw.beta2.powi(adamw.step);
    let size = (adamw.learning_rate / bias1) as f32;
    let (root_bias2, epsilon) = (bias2.sqrt() as f32, adamw.epsilon as f32);
    let keep = (1.0 - adamw.learning_rate * adamw.weight_decay) as f32;
    vectorised(
        #[inline(always)]
        |_| {
            for ((p, m), v) in parameter.iter_mut().zip(first).zip(second) {
                *p = *p * keep - size * m / (v.sqrt() / root_bias2 + epsilon);
            }
        },
    );
}

/// `average += gain (value - average)`: the average of a value that does not change is exactly that value.
pub(crate) fn average(average: &mut [f32], value: &[f32], gain: f32) {
    vectorised(
        #[inline(always)]
        |_| {
            for (average, value) in average.iter_mut().zip(value) {
                *average += (value - *average) * gain;
            }
        },
    );
}
