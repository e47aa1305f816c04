//! How long each stage of a run was busy, and which of them bounds it.

use std::fmt;
use std::time::Duration;

use mbn_spec::text::counted;

/// A stage that is busy a smaller part of the time bounds nothing: all of them wait for something else.
const BOUND: f64 = 0.5;

/// What the threads of a run did.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    /// Wall time of the run.
    pub elapsed: Duration,
    /// Threads that decode and preprocess.
    pub threads: usize,
    /// Reading and decoding files, summed over the threads.
    pub decoding: Duration,
    /// Resizing and normalising, summed over the threads.
    pub preprocessing: Duration,
    /// Engines that work at once.
    pub lanes: usize,
    /// Time in the engines, summed over them.
    pub inference: Duration,
    /// Time in the comparison with candle.
    pub checking: Duration,
    /// Time in writing results, the page and sorted pictures.
    pub writing: Duration,
    /// The engine, for a person to read.
    pub engine: String,
}

impl Stages {
    /// The stage whose threads are busy the largest part of the time, and that part from 0 to 1; `None` if all wait most of
    /// the time.
    fn bound(&self) -> Option<(String, f64)> {
        let elapsed = self.elapsed.as_secs_f64();
        let part = |busy: Duration, threads: usize| busy.as_secs_f64() / (elapsed * threads as f64);
        let reading = part(self.decoding + self.preprocessing, self.threads);
        // Decoding and preprocessing have the same threads.
        let name = match self.decoding >= self.preprocessing {
            true => "decoding",
            false => "preprocessing",
        };
        let of_threads = |busy: f64, threads: usize, unit: &str| match threads {
            1 => format!("busy {:.0} % of the time", 100.0 * busy),
            n => format!("{:.1} of {} busy", busy * n as f64, counted(n, unit)),
        };
        let inference = part(self.inference, self.lanes);
        let (checking, writing) = (part(self.checking, 1), part(self.writing, 1));
        let all = [
            (
                reading,
                format!("{name}: {}", of_threads(reading, self.threads, "thread")),
            ),
            (
                inference,
                format!("inference: {}", of_threads(inference, self.lanes, "thread")),
            ),
            (
                checking,
                format!("the parity check: {}", of_threads(checking, 1, "")),
            ),
            (writing, format!("writing: {}", of_threads(writing, 1, ""))),
        ];
        let most = all.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b));
        most.filter(|(busy, _)| *busy >= BOUND)
            .map(|(busy, text)| (text, busy))
    }
}

impl fmt::Display for Stages {
    /// `time: decoding 0.02 s (41 %) and preprocessing 0.01 s (9 %) on 2 threads, inference 0.03 s (50 %) by ENGINE; bound by
    /// decoding: 1.4 of 2 threads busy`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stages = [
            self.decoding,
            self.preprocessing,
            self.inference,
            self.checking,
            self.writing,
        ];
        let all = stages.iter().sum::<Duration>().as_secs_f64();
        let time = |stage: Duration| {
            let seconds = stage.as_secs_f64();
            format!(
                "{seconds:.2} s ({:.0} %)",
                100.0 * seconds / all.max(f64::MIN_POSITIVE)
            )
        };
        write!(
            f,
            "time: decoding {} and preprocessing {} on {}, inference {}{} by {}",
            time(self.decoding),
            time(self.preprocessing),
            counted(self.threads, "thread"),
            time(self.inference),
            match self.lanes {
                1 => String::new(),
                lanes => format!(" on {lanes} threads"),
            },
            self.engine,
        )?;
        if self.checking > Duration::ZERO {
            write!(f, ", parity check {}", time(self.checking))?;
        }
        write!(f, ", writing {}", time(self.writing))?;
        match self.bound() {
            Some((stage, _)) => write!(f, "; bound by {stage}"),
            None => f.write_str("; bound by waiting, no stage is busy half of the time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(decoding: u64, inference: u64) -> Stages {
        Stages {
            elapsed: Duration::from_millis(1000),
            threads: 2,
            decoding: Duration::from_millis(decoding),
            preprocessing: Duration::from_millis(100),
            lanes: 1,
            inference: Duration::from_millis(inference),
            engine: "engine".to_owned(),
            ..Stages::default()
        }
    }

    #[test]
    fn the_busiest_threads_bound_the_run() {
        for (decoding, inference, expected) in [
            (1300, 600, "; bound by decoding: 1.4 of 2 threads busy"),
            // A thread that always works bounds more than two that often do.
            (1300, 990, "; bound by inference: busy 99 % of the time"),
            (300, 300, "; bound by waiting, no stage is busy half of the time"),
        ] {
            let text = stages(decoding, inference).to_string();
            assert!(text.ends_with(expected), "{text}");
        }
        let slow = Stages {
            writing: Duration::from_millis(950),
            ..stages(100, 100)
        };
        assert!(
            slow.to_string()
                .ends_with("bound by writing: busy 95 % of the time")
        );
    }

    #[test]
    fn the_shares_sum_to_the_whole() {
        let text = stages(600, 300).to_string();
        let expected = "time: decoding 0.60 s (60 %) and preprocessing 0.10 s (10 %) on 2 threads, inference 0.30 s (30 %) by engine";
        assert!(text.starts_with(expected), "{text}");
        // Nothing has been done: no division by zero.
        assert!(!Stages::default().to_string().contains("NaN"));
    }
}
