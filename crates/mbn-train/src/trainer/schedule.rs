//! The learning rate over a run.

use std::f64::consts::PI;

/// Linear warm-up, then half a cosine down to zero (Loshchilov and Hutter 2017).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Highest learning rate.
    pub peak: f64,
    /// Steps until the peak.
    pub warmup_steps: f64,
    /// Total number of steps.
    pub steps: f64,
}

impl Schedule {
    /// Learning rate of step `step`, counted from 0.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let step = step as f64;
        if step < self.warmup_steps {
            return self.peak * (step + 1.0) / (self.warmup_steps + 1.0);
        }
        let progress = (step - self.warmup_steps) / (self.steps - self.warmup_steps).max(1.0);
        self.peak * 0.5 * (1.0 + (PI * progress.min(1.0)).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        let schedule = Schedule {
            peak: 0.1,
            warmup_steps: 10.0,
            steps: 110.0,
        };
        let rates: Vec<f64> = (0..=110).map(|step| schedule.learning_rate(step)).collect();
        assert!(rates[..11].is_sorted());
        assert!(rates[0] > 0.0 && rates[0] < 0.01);
        assert_eq!(rates[10], 0.1);
        assert!((rates[60] - 0.05).abs() < 1e-12);
        assert!(rates[10..].is_sorted_by(|a, b| a >= b));
        assert!(rates[110].abs() < 1e-12);
    }

    #[test]
    fn works_without_warm_up_and_with_nothing_else() {
        assert_eq!(
            Schedule {
                peak: 1.0,
                warmup_steps: 0.0,
                steps: 1.0
            }
            .learning_rate(0),
            1.0
        );
        assert!(
            Schedule {
                peak: 1.0,
                warmup_steps: 5.0,
                steps: 5.0
            }
            .learning_rate(4)
            .is_finite()
        );
    }
}
