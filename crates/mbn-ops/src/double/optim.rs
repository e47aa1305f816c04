//! The optimisers' steps, formulas as in `torch.optim`.

use crate::optim::{AdamW, Sgd};

/// `buffer = momentum buffer + (gradient + weight_decay parameter)`
pub(crate) fn sgd_momentum(buffer: &mut [f64], parameter: &[f64], gradient: &[f64], sgd: &Sgd) {
    for ((b, p), g) in buffer.iter_mut().zip(parameter).zip(gradient) {
        *b = sgd.momentum * *b + (g + sgd.weight_decay * p);
    }
}

/// `parameter -= learning_rate step`, where `step` is the buffer, or with Nesterov's momentum
/// `gradient + weight_decay parameter + momentum buffer`.
pub(crate) fn sgd_descend(parameter: &mut [f64], buffer: &[f64], gradient: &[f64], sgd: &Sgd) {
    for ((p, b), g) in parameter.iter_mut().zip(buffer).zip(gradient) {
        let step = if sgd.nesterov {
            g + sgd.weight_decay * *p + sgd.momentum * b
        } else {
            *b
        };
        *p -= sgd.learning_rate * step;
    }
}

/// Moving averages of the gradient and of its square, `[2, ...]`.
pub(crate) fn adamw_moments(moments: &mut [f64], gradient: &[f64], adamw: &AdamW) {
    let (first, second) = moments.split_at_mut(gradient.len());
    for ((m, v), g) in first.iter_mut().zip(second).zip(gradient) {
        *m = adamw.beta1 * *m + (1.0 - adamw.beta1) * g;
        *v = adamw.beta2 * *v + (1.0 - adamw.beta2) * g * g;
    }
}

/// `parameter -= learning_rate (weight_decay parameter + m / bias1 / (sqrt(v / bias2) + epsilon))`
pub(crate) fn adamw_descend(parameter: &mut [f64], moments: &[f64], adamw: &AdamW) {
    let bias1 = 1.0 - adamw.beta1.powi(adamw.step);
    let bias2 = 1.0 - adamw.beta2.powi(adamw.step);
    let (first, second) = moments.split_at(parameter.len());
    for ((p, m), v) in parameter.iter_mut().zip(first).zip(second) {
        let direction = m / bias1 / ((v / bias2).sqrt() + adamw.epsilon);
        *p -= adamw.learning_rate * (adamw.weight_decay * *p + direction);
    }
}
