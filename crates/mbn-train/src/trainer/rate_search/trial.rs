//! A short training at one learning rate, and how its loss compares with another's.

/// Most steps of a trial: enough to tell rates apart that differ by a factor of three.
const MOST_STEPS: usize = 80;
/// Fewest steps of a trial, also if the run has fewer: a score is the mean of a quarter of them.
const LEAST_STEPS: usize = 20;
/// The rate of a trial rises linearly within this part of its steps.
const WARMUP: f64 = 0.1;
/// The last part of its steps, whose mean loss is a trial's score.
const SCORED: f64 = 0.25;
/// A trial has diverged when the mean of its last losses is so many times that of the initial weights.
const DIVERGED: f64 = 3.0;
/// Losses in that mean. Single batches may be far off.
const RECENT: usize = 5;

/// A number of steps for each of several trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Steps(usize);

/// A training of some steps from the initial weights. All trials see the same batches.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Trial {
    rate: f64,
    steps: Steps,
    /// Losses above this are those of a trial that has diverged.
    limit: f64,
    losses: Vec<StepLoss>,
    has_diverged: bool,
}

/// The loss of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct StepLoss {
    /// Number of the step, from 1.
    pub step: usize,
    /// Mean loss of the batch.
    pub loss: f64,
}

/// A mean of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Mean {
    pub value: f64,
    /// Standard error.
    pub error: f64,
}

impl Steps {
    /// The steps of a trial for a run of `steps` steps.
    pub fn of_run(steps: usize) -> Self {
        Self(steps.clamp(LEAST_STEPS, MOST_STEPS))
    }

    pub fn count(self) -> usize {
        self.0
    }

    /// Number of steps whose loss counts.
    pub fn scored(self) -> usize {
        (SCORED * self.0 as f64).ceil() as usize
    }

    /// Number of steps before those.
    pub fn before_scored(self) -> usize {
        self.0 - self.scored()
    }
}

impl Trial {
    /// A trial of the initial weights as they are, of which only a loss that is not finite says that they diverge.
    pub fn untrained(steps: Steps) -> Self {
        Self {
            rate: 0.0,
            steps,
            limit: f64::INFINITY,
            losses: Vec::with_capacity(steps.count()),
            has_diverged: false,
        }
    }

    /// A trial of a rate after that of the initial weights: single batches, such as its first, may be far off.
    pub fn new(rate: f64, untrained: &Self) -> Self {
        let losses = &untrained.losses;
        let sum: f64 = losses.iter().map(|step| step.loss).sum();
        Self {
            rate,
            limit: match losses.len() {
                0 => f64::INFINITY,
                count => DIVERGED * sum / count as f64,
            },
            ..Self::untrained(untrained.steps)
        }
    }

    pub fn rate(&self) -> f64 {
        self.rate
    }

    pub fn steps(&self) -> Steps {
        self.steps
    }

    pub fn losses(&self) -> &[StepLoss] {
        &self.losses
    }

    pub fn has_diverged(&self) -> bool {
        self.has_diverged
    }

    /// The learning rate of a step, counted from 1.
    pub fn rate_at(&self, step: usize) -> f64 {
        let warmup = WARMUP * self.steps.count() as f64;
        self.rate * (step as f64 / (warmup + 1.0)).min(1.0)
    }

    /// Adds the loss of a step, counted from 1. A step without images has none.
    pub fn add(&mut self, step: usize, loss: f64) {
        if !loss.is_finite() {
            self.has_diverged = true;
            return;
        }
        self.losses.push(StepLoss { step, loss });
        let recent = &self.losses[self.losses.len().saturating_sub(RECENT)..];
        let mean = recent.iter().map(|step| step.loss).sum::<f64>() / recent.len() as f64;
        self.has_diverged |= mean > self.limit;
    }

    /// The mean loss of the last quarter of the steps; `None` if it has diverged.
    pub fn score(&self) -> Option<Mean> {
        match self.has_diverged {
            true => None,
            false => Mean::of(self.scored().map(|step| step.loss)),
        }
    }

    /// How much higher the loss is than that of another trial, on the same batches: their own differences cancel out. `None` if
    /// either has diverged.
    pub fn excess_over(&self, other: &Self) -> Option<Mean> {
        if self.has_diverged || other.has_diverged {
            return None;
        }
        let pairs = self.scored().zip(other.scored());
        Mean::of(pairs.map(|(own, other)| own.loss - other.loss))
    }

    fn scored(&self) -> impl Iterator<Item = StepLoss> {
        let before = self.steps.before_scored();
        self.losses.iter().copied().filter(move |step| step.step > before)
    }
}

impl Mean {
    /// `None` of fewer than two values, which have no standard error.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.collect();
        if values.len() < 2 {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        let variance = squares.sum::<f64>() / (count - 1.0);
        Some(Self {
            value: mean,
            error: (variance / count).sqrt(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(rate: f64, losses: impl IntoIterator<Item = f64>) -> Trial {
        trial_from(2.0, rate, losses)
    }

    /// A trial of initial weights whose loss is `untrained` for every batch.
    fn trial_from(untrained: f64, rate: f64, losses: impl IntoIterator<Item = f64>) -> Trial {
        let untrained = of(Trial::untrained(Steps::of_run(1000)), [untrained; 80]);
        of(Trial::new(rate, &untrained), losses)
    }

    fn of(mut trial: Trial, losses: impl IntoIterator<Item = f64>) -> Trial {
        for (at, loss) in losses.into_iter().enumerate() {
            trial.add(at + 1, loss);
        }
        trial
    }

    #[test]
    fn a_trial_is_no_longer_than_its_run_unless_that_says_nothing() {
        for (run, steps, scored) in [(1, 20, 5), (50, 50, 13), (10_000, 80, 20)] {
            let found = Steps::of_run(run);
            assert_eq!((found.count(), found.scored()), (steps, scored), "{run} steps");
            assert_eq!(found.before_scored() + scored, steps);
        }
    }

    #[test]
    fn the_rate_rises_and_stays() {
        let trial = trial(0.9, []);
        let rates: Vec<f64> = (1..=80).map(|step| trial.rate_at(step)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-12 && (rates[4] - 0.5).abs() < 1e-12);
        assert!(rates[..9].is_sorted() && rates[7] < 0.85);
        assert!(rates[8..].iter().all(|&rate| rate == 0.9));
    }

    #[test]
    fn only_the_last_quarter_counts() {
        let score = trial(
            0.1,
            (1..=80).map(|step| if step <= 60 { 2.0 } else { f64::from(step % 2) }),
        );
        let Mean { value, error } = score.score().unwrap();
        assert!((value - 0.5).abs() < 1e-12);
        // Twenty values, ten of them 0 and ten 1: a variance of 20 / 4 / 19.
        assert!((error - (5.0f64 / 19.0 / 20.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_batches_have_in_common_cancels_out() {
        let batch = |step: i32| f64::from(step * 7919 % 31);
        let one = trial_from(100.0, 0.1, (1..=80).map(|step| 100.0 + batch(step)));
        let other = trial_from(100.0, 0.2, (1..=80).map(|step| 99.9 + batch(step)));
        let excess = one.excess_over(&other).unwrap();
        assert!(
            (excess.value - 0.1).abs() < 1e-9 && excess.error < 1e-9,
            "{excess:?}"
        );
        assert!(one.score().unwrap().error > 1.0);
    }

    #[test]
    fn losses_that_explode_end_a_trial() {
        let finite = trial(0.1, [2.0, 2.1, f64::NAN]);
        assert!(finite.has_diverged() && finite.score().is_none());
        assert_eq!(finite.losses().len(), 2);
        // One batch that is far off says nothing.
        assert!(!trial(0.1, [2.0, 2.0, 2.0, 2.0, 12.0, 2.0]).has_diverged());
        let rising = trial(0.1, [2.0, 2.0, 5.0, 7.0, 8.0, 9.0]);
        assert!(rising.has_diverged());
        assert_eq!(rising.excess_over(&trial(0.2, [2.0; 80])), None);
    }

    /// The mean of the initial weights is the measure, and they have not moved.
    #[test]
    fn a_lucky_first_batch_says_nothing() {
        let losses = || std::iter::once(0.1).chain([2.0; 79]);
        let untrained = of(Trial::untrained(Steps::of_run(1000)), losses());
        assert!(!untrained.has_diverged() && untrained.score().is_some());
        let same = of(Trial::new(0.1, &untrained), losses());
        assert!(!same.has_diverged());
        let broken = of(Trial::untrained(Steps::of_run(1000)), [2.0, f64::NAN]);
        assert!(broken.has_diverged());
    }
}
