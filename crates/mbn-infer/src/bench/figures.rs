//! From latencies to the figures that are printed.

use std::time::Duration;

use serde::Serialize;

/// Medians of the rounds that differ by more are of a machine that does other things too.
pub(super) const MOST_SPREAD: f64 = 0.05;

/// Cores that other programs may use meanwhile.
pub(super) const MOST_OTHERS: f64 = 0.1;

/// Calls from which the 99th percentile is not simply the slowest.
pub(super) const ENOUGH: usize = 101;

/// What is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Described {
    pub model: String,
    pub precision: &'static str,
    pub engine: String,
    pub threads: usize,
    /// Images of a call.
    pub batch: usize,
}

/// The calls of a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    pub latencies: Vec<Duration>,
    /// From before the first call until after the last.
    pub elapsed: Duration,
    /// Cores that other programs used meanwhile, if the system tells.
    pub others: Option<f64>,
}

/// All rounds of a combination.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub what: Described,
    pub rounds: Vec<Round>,
}

impl Measured {
    pub(super) fn new(what: Described) -> Self {
        Self {
            what,
            rounds: Vec::new(),
        }
    }
}

/// The figures of a combination; `docs/bench.md` defines them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    #[serde(flatten)]
    pub what: Described,
    pub calls: usize,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub images_per_s: f64,
    /// How far the medians of the rounds are apart, as a part of the smallest.
    pub spread: f64,
    /// Cores that other programs used, on average.
    pub other_cores: Option<f64>,
    /// Whether spread and other load are small.
    pub quiet: bool,
}

impl Figures {
    pub(super) fn of(measured: Measured) -> Self {
        let Measured { what, rounds } = measured;
        let all = rounds.iter().flat_map(|round| &round.latencies);
        let mut sorted: Vec<f64> = all.map(milliseconds).collect();
        sorted.sort_by(f64::total_cmp);
        let medians = rounds.iter().map(|round| {
            let mut sorted: Vec<f64> = round.latencies.iter().map(milliseconds).collect();
            sorted.sort_by(f64::total_cmp);
            percentile(&sorted, 0.5)
        });
        let spread = spread(medians);
        let seconds: f64 = rounds.iter().map(|round| round.elapsed.as_secs_f64()).sum();
        let others = rounds
            .iter()
            .map(|round| Some(round.others? * round.elapsed.as_secs_f64()));
        let other_cores = others.sum::<Option<f64>>().map(|sum| sum / seconds);
        let calls = sorted.len();
        Self {
            images_per_s: (calls * what.batch) as f64 / seconds,
            what,
            calls,
            mean_ms: sorted.iter().sum::<f64>() / calls.max(1) as f64,
            p50_ms: percentile(&sorted, 0.5),
            p90_ms: percentile(&sorted, 0.9),
            p95_ms: percentile(&sorted, 0.95),
            p99_ms: percentile(&sorted, 0.99),
            spread,
            other_cores,
            quiet: spread <= MOST_SPREAD && other_cores.is_none_or(|cores| cores <= MOST_OTHERS),
        }
    }
}

fn milliseconds(time: &Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

/// The value at index `floor(n * part)` of `n` sorted values, as `onnxruntime_perf_test` takes it; 0 without values.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let index = (sorted.len() as f64 * part) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

/// How far values are apart, as a part of the smallest.
fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let smallest = values.clone().fold(f64::INFINITY, f64::min);
    let largest = values.fold(0.0, f64::max);
    if smallest > 0.0 && smallest.is_finite() {
        largest / smallest - 1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(milliseconds: impl IntoIterator<Item = u64>, others: Option<f64>) -> Round {
        let latencies: Vec<_> = milliseconds.into_iter().map(Duration::from_millis).collect();
        Round {
            elapsed: latencies.iter().sum(),
            latencies,
            others,
        }
    }

    fn figures(rounds: Vec<Round>) -> Figures {
        let what = Described {
            batch: 4,
            ..Described::default()
        };
        Figures::of(Measured { what, rounds })
    }

    /// Of the latencies 1 ms to 200 ms, `onnxruntime_perf_test` takes those at 100, 180, 190 and 198, counted from 0.
    #[test]
    fn percentiles_are_those_of_onnxruntime_perf_test() {
        let found = figures(vec![round((1..=200).rev(), None)]);
        let percentiles = [found.p50_ms, found.p90_ms, found.p95_ms, found.p99_ms];
        for (found, expected) in percentiles.into_iter().zip([101.0, 181.0, 191.0, 199.0]) {
            assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
        }
        assert!((found.mean_ms - 100.5).abs() < 1e-9);
        // 200 calls of 4 images in 20.1 s.
        assert!((found.images_per_s - 800.0 / 20.1).abs() < 1e-9);
        assert_eq!(percentile(&[], 0.5), 0.0);
        assert_eq!(percentile(&[3.0], 0.99), 3.0);
    }

    #[test]
    fn a_noisy_machine_shows() {
        let steady = |others| vec![round([100; 9], others), round([102; 9], others)];
        let found = figures(steady(Some(0.02)));
        assert!(found.quiet && (found.spread - 0.02).abs() < 1e-9, "{found:?}");
        assert!(figures(steady(None)).quiet);
        assert!(!figures(steady(Some(0.5))).quiet);
        let drifting = figures(vec![round([100; 9], None), round([110; 9], None)]);
        assert!(!drifting.quiet && (drifting.spread - 0.1).abs() < 1e-9);
    }
}
