//! The search for a learning rate: which rates are tried, and which of them is suggested.

mod trial;

use std::collections::BTreeMap;

pub(super) use self::trial::{Mean, Steps, Trial};

/// Rates are so many times each other, rounded to two digits: `sqrt(10)`.
const FACTOR: f64 = 3.162_277_660_168_379_5;
/// The exponents of the lowest and the highest rate: a thousandth and a hundred times the usual one.
const EXPONENTS: [i32; 2] = [-6, 4];
/// Loss that is so many standard errors above the lowest is clearly worse. What is not is within noise, and of the rates within
/// noise the highest is suggested: short trainings favour rates that are too low for long ones, because a high rate keeps the
/// loss up at first that it brings further down in the end.
const WORSE: f64 = 2.0;
/// A rate within noise must have reached all but this part of the fall to the lowest score: the losses of an unsteady rate have a
/// large error.
const MISSING: f64 = 0.1;
/// The loss has fallen if it is so many standard errors below that of the initial weights. More than for [`WORSE`], because one of
/// many rates is likely to be two standard errors below by chance.
const FALLEN: f64 = 4.0;
/// It must have fallen by this part, too: the smallest step in the right direction is no noise, but of no use.
const LEAST_FALL: f64 = 0.01;

/// The trials so far.
pub(super) struct RateSearch {
    usual_rate: f64,
    /// The loss of the initial weights.
    untrained: Trial,
    /// By their exponent: 0 for the usual rate.
    trials: BTreeMap<i32, Trial>,
}

impl RateSearch {
    /// A search around a rate that is usual for such a run. `untrained` is what the initial weights score on the same batches.
    pub fn new(usual_rate: f64, untrained: Trial) -> Self {
        Self {
            usual_rate,
            untrained,
            trials: BTreeMap::new(),
        }
    }

    /// The next rate to try: the usual one, then higher and lower ones in turns. `None` if the search is over. It ends on either
    /// side at the end of the range or when the two outermost trials are clearly worse than the best, on the upper side also when
    /// one has diverged.
    pub fn next_rate(&self) -> Option<f64> {
        self.next_exponent().map(|exponent| self.rate(exponent))
    }

    fn next_exponent(&self) -> Option<i32> {
        let (Some((&low, _)), Some((&high, highest))) =
            (self.trials.first_key_value(), self.trials.last_key_value())
        else {
            return Some(0);
        };
        let upper_ends = highest.has_diverged() || self.are_worse(self.trials.values().rev());
        let up = (high < EXPONENTS[1] && !upper_ends).then_some(high + 1);
        let down = (low > EXPONENTS[0] && !self.are_worse(self.trials.values())).then_some(low - 1);
        up.into_iter().chain(down).min_by_key(|exponent| exponent.abs())
    }

    fn rate(&self, exponent: i32) -> f64 {
        match exponent {
            0 => self.usual_rate,
            _ => two_digits(self.usual_rate * FACTOR.powi(exponent)),
        }
    }

    /// Adds the trial of [`Self::next_rate`].
    pub fn add(&mut self, trial: Trial) {
        if let Some(exponent) = self.next_exponent() {
            self.trials.insert(exponent, trial);
        }
    }

    /// The trials, from the lowest rate.
    pub fn trials(&self) -> impl Iterator<Item = &Trial> {
        self.trials.values()
    }

    pub fn untrained(&self) -> &Trial {
        &self.untrained
    }

    /// The trial with the lowest score.
    pub fn best(&self) -> Option<&Trial> {
        let scored = self
            .trials()
            .filter_map(|trial| Some((trial, trial.score()?.value)));
        let best = scored.min_by(|(_, one), (_, other)| one.total_cmp(other));
        best.map(|(trial, _)| trial)
    }

    /// The highest rate whose score is within noise of the lowest; `None` if the loss falls at no rate.
    pub fn suggestion(&self) -> Option<f64> {
        let (before, lowest) = (self.untrained.score()?.value, self.best()?.score()?.value);
        let highest = lowest + MISSING * (before - lowest);
        let reaches = |trial: &Trial| trial.score().is_some_and(|score| score.value <= highest);
        let suits = |trial: &&Trial| self.has_fallen(trial) && !self.is_worse(trial) && reaches(trial);
        self.trials().filter(suits).last().map(Trial::rate)
    }

    /// Whether the suggestion is the lowest or the highest rate of the range, beyond which a better one may lie.
    pub fn suggests_an_end(&self) -> bool {
        let ends = EXPONENTS.map(|exponent| self.rate(exponent));
        self.suggestion().is_some_and(|rate| ends.contains(&rate))
    }

    /// Whether the first two of `trials` are clearly worse than the best.
    fn are_worse<'a>(&self, trials: impl Iterator<Item = &'a Trial>) -> bool {
        trials.take(2).filter(|trial| self.is_worse(trial)).count() == 2
    }

    fn is_worse(&self, trial: &Trial) -> bool {
        let Some(best) = self.best() else {
            return false;
        };
        trial
            .excess_over(best)
            .is_none_or(|excess| excess.value > WORSE * excess.error)
    }

    fn has_fallen(&self, trial: &Trial) -> bool {
        let (Some(excess), Some(before)) = (trial.excess_over(&self.untrained), self.untrained.score())
        else {
            return false;
        };
        -excess.value > (FALLEN * excess.error).max(LEAST_FALL * before.value)
    }
}

fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests;
