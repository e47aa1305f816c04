//! Results of one device against another's.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use mbn_testing::{Tolerance, mismatch};

use crate::common::values;

/// Most problems that a message lists.
const LISTED: usize = 12;

/// One of an operation's results.
pub struct Found {
    name: &'static str,
    values: Vec<f32>,
    tolerance: Tolerance,
    /// Set if the result follows from the operation's other results on the same device: compared in place of the CPU's.
    expected: Option<Vec<f32>>,
}

impl Found {
    /// For values that are each a sum over `terms` terms of order one. Another device adds in another order; in bfloat16
    /// the result, and for a product its operands, may be rounded to the other neighbour.
    pub fn sum(name: &'static str, tensor: &Tensor, dtype: DType, terms: usize) -> Self {
        let tolerance = match dtype {
            DType::BF16 => Tolerance {
                absolute: (terms as f32).sqrt() / 256.0,
                relative_to_max: 1.0 / 128.0,
            },
            _ => Tolerance::CLOSE.for_sum(terms),
        };
        Self::within(name, values(tensor), tolerance)
    }

    pub fn within(name: &'static str, values: Vec<f32>, tolerance: Tolerance) -> Self {
        Self {
            name,
            values,
            tolerance,
            expected: None,
        }
    }

    /// A result that must be close to `expected`, whatever the CPU computes.
    pub fn following(name: &'static str, tensor: &Tensor, expected: Vec<f32>, tolerance: Tolerance) -> Self {
        Self {
            expected: Some(expected),
            ..Self::within(name, values(tensor), tolerance)
        }
    }
}

/// Largest difference of a result over all cases, with the largest value of that case.
struct Largest {
    difference: f64,
    value: f64,
    case: String,
}

/// Compares what operations give on a device with what they give on the CPU.
pub struct Comparison<'a> {
    device: &'a Device,
    largest: BTreeMap<(String, &'static str), Largest>,
    problems: Vec<String>,
    cases: usize,
}

impl<'a> Comparison<'a> {
    pub fn new(device: &'a Device) -> Self {
        Self {
            device,
            largest: BTreeMap::new(),
            problems: Vec::new(),
            cases: 0,
        }
    }

    /// Runs `operation`, which makes the same inputs every time, on both devices.
    pub fn add(&mut self, name: &str, case: &str, operation: impl Fn(&Device) -> Vec<Found>) {
        let (found, expected) = (operation(self.device), operation(&Device::Cpu));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, on_cpu) in found.iter().zip(&expected) {
            let expected = found.expected.as_ref().unwrap_or(&on_cpu.values);
            let full = format!("{name}, {}, {case}", found.name);
            self.problems
                .extend(mismatch(&full, &found.values, expected, found.tolerance));
            self.note(name, found.name, case, &found.values, expected);
        }
        self.cases += 1;
    }

    /// Runs `operation` twice on the device: both times it gives the same bits.
    pub fn add_twice(&mut self, name: &str, case: &str, operation: impl Fn(&Device) -> Vec<Found>) {
        let (first, second) = (operation(self.device), operation(self.device));
        for (first, second) in first.iter().zip(&second) {
            let full = format!("{name}, {}, {case}", first.name);
            let exact = Tolerance::EXACT;
            self.problems
                .extend(mismatch(&full, &first.values, &second.values, exact));
            self.note(name, first.name, case, &first.values, &second.values);
        }
        self.cases += 1;
    }

    fn note(&mut self, name: &str, result: &'static str, case: &str, found: &[f32], expected: &[f32]) {
        let differences = found.iter().zip(expected);
        let differences = differences.map(|(f, e)| f64::from((f - e).abs()));
        // NaN counts as the largest difference.
        let largest = differences.fold(0.0, |a, b| if b.is_nan() || b > a { b } else { a });
        let of = Largest {
            difference: largest,
            value: f64::from(expected.iter().fold(0f32, |a, b| a.max(b.abs()))),
            case: case.to_owned(),
        };
        let key = (name.to_owned(), result);
        let known = self.largest.get(&key);
        if known.is_none_or(|known| largest.is_nan() || largest > known.difference) {
            self.largest.insert(key, of);
        }
    }

    /// Prints the largest difference of each result and returns what differed.
    pub fn problems(self) -> Vec<String> {
        for ((name, result), largest) in &self.largest {
            let Largest {
                difference,
                value,
                case,
            } = largest;
            eprintln!("{name}, {result}: {difference:.1e} of {value:.1e} ({case})");
        }
        assert!(self.cases > 0, "nothing was compared");
        self.problems
    }

    /// Panics if anything differed.
    #[track_caller]
    pub fn finish(self) {
        let problems = self.problems();
        let count = problems.len();
        let listed: Vec<_> = problems.into_iter().take(LISTED).collect();
        assert!(count == 0, "{count} results differ:\n{}", listed.join("\n"));
    }
}
