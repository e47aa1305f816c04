//! The optimisers' steps, with the formulas of `torch.optim`.

/// Stochastic gradient descent with momentum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub learning_rate: f64,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay, added to the gradient.
    pub weight_decay: f64,
    /// Whether momentum is Nesterov's.
    pub nesterov: bool,
}

impl Sgd {
    /// `buffer = momentum buffer + (gradient + weight_decay parameter)`, then `parameter -= learning_rate step`, where
    /// `step` is the buffer, or with Nesterov's momentum `gradient + weight_decay parameter + momentum buffer`.
    pub fn step(&self, parameter: &mut [f64], buffer: &mut [f64], gradient: &[f64]) {
        for ((p, b), g) in parameter.iter_mut().zip(buffer).zip(gradient) {
            let decayed = g + self.weight_decay * *p;
            *b = self.momentum * *b + decayed;
            let step = if self.nesterov {
                decayed + self.momentum * *b
            } else {
                *b
            };
            *p -= self.learning_rate * step;
        }
    }
}

/// Adam with decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the average gradient.
    pub beta1: f64,
    /// Decay of the average squared gradient.
    pub beta2: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub step: i32,
}

impl AdamW {
    /// Moves the averages of the gradient and of its square, `[2, ...]`, then
    /// `parameter -= learning_rate (weight_decay parameter + m / bias1 / (sqrt(v / bias2) + epsilon))`.
    pub fn step(&self, parameter: &mut [f64], moments: &mut [f64], gradient: &[f64]) {
        let bias1 = 1.0 - self.beta1.powi(self.step);
        let bias2 = 1.0 - self.beta2.powi(self.step);
        let (first, second) = moments.split_at_mut(parameter.len());
        let moments = first.iter_mut().zip(second);
        for ((p, (m, v)), g) in parameter.iter_mut().zip(moments).zip(gradient) {
            *m = self.beta1 * *m + (1.0 - self.beta1) * g;
            *v = self.beta2 * *v + (1.0 - self.beta2) * g * g;
            let direction = *m / bias1 / ((*v / bias2).sqrt() + self.epsilon);
            *p -= self.learning_rate * (self.weight_decay * *p + direction);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tolerance, assert_close};

    const LEN: usize = 37;

    fn noise(seed: usize) -> Vec<f64> {
        (0..LEN)
            .map(|i| ((i * 7919 + seed * 104_729) % 1009) as f64 / 504.5 - 1.0)
            .collect()
    }

    /// The loops of `torch.optim.SGD` and `torch.optim.AdamW`, on the same parameter in turn.
    #[test]
    fn steps_are_their_definitions() {
        let (rate, momentum, decay, epsilon) = (0.05, 0.9, 0.1, 1e-8);
        let (beta1, beta2) = (0.9f64, 0.99f64);
        for nesterov in [false, true] {
            let (mut parameter, mut buffer, mut moments) = (noise(1), vec![0.0; LEN], vec![0.0; 2 * LEN]);
            let (mut p, mut b, mut m, mut v) = (noise(1), [0.0; LEN], [0.0; LEN], [0.0; LEN]);
            for step in 1..=4 {
                let g = noise(10 + step as usize);
                for i in 0..LEN {
                    let decayed = g[i] + decay * p[i];
                    b[i] = momentum * b[i] + decayed;
                    p[i] -= rate * if nesterov { decayed + momentum * b[i] } else { b[i] };
                    p[i] *= 1.0 - rate * decay;
                    m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
                    v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
                    let (m, v) = (m[i] / (1.0 - beta1.powi(step)), v[i] / (1.0 - beta2.powi(step)));
                    p[i] -= rate * m / (v.sqrt() + epsilon);
                }
                let sgd = Sgd {
                    learning_rate: rate,
                    momentum,
                    weight_decay: decay,
                    nesterov,
                };
                sgd.step(&mut parameter, &mut buffer, &g);
                let adamw = AdamW {
                    learning_rate: rate,
                    beta1,
                    beta2,
                    epsilon,
                    weight_decay: decay,
                    step,
                };
                adamw.step(&mut parameter, &mut moments, &g);
                assert_close("parameter", &parameter, &p, Tolerance::FLOAT64);
                assert_close("buffer", &buffer, &b, Tolerance::FLOAT64);
                assert_close("moments", &moments, &[m, v].concat(), Tolerance::FLOAT64);
            }
        }
    }
}
