//! The check of the engine's logits against candle's.

use std::fmt;

use anyhow::{Result, ensure};

use crate::engine::{CandleEngine, Engine, Provider};
use crate::precision::ModelPrecision;
use crate::softmax::{centred_logarithms, softmax};

/// Float32 logits of 28 layers, summed in another order: rounding grows with depth.
const FLOAT32: f32 = 1e-4;
/// Every layer's values rounded to eleven bits; of networks with random weights, which are the least tame, the
/// logits were off by up to 4 % of the largest.
const FLOAT16: f32 = 5e-2;
/// Float32 on CUDA: cuDNN and cuBLAS choose how they sum, Winograd's transforms included, whose rounding is larger.
const CUDA_FLOAT32: f32 = 1e-3;
/// float16 and TF32 on CUDA keep eleven bits of every factor and sum in float32: closer than where sums are rounded
/// too.
const CUDA_ELEVEN_BITS: f32 = 2e-2;
/// Where values keep eleven bits a near tie may go the other way, in few images.
const SAME_CLASS: f64 = 0.99;
/// Eight bits for each weight and value: logits are off by tenths where all is well.
const INT8: f32 = 0.5;

/// What passes, of logits. Probabilities are compared by their logarithms, which differ by as much as the logits do, or
/// by twice that where all of a row's differences come together: within what each tolerance leaves to spare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    difference: Difference,
    /// Part of the images whose likeliest class has to be the same.
    same_class: f64,
}

/// Largest difference that passes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Difference {
    /// Of each value.
    Absolute(f32),
    /// As a part of the largest value that candle gives, or of 1 where that is larger.
    OfLargest(f32),
}

impl Tolerance {
    /// The usual tolerance for the logits of a model of this precision that `provider` runs.
    pub fn of(precision: ModelPrecision, provider: &Provider) -> Self {
        let (difference, same_class) = match (precision, provider) {
            (ModelPrecision::Float32, Provider::Cpu) => (Difference::Absolute(FLOAT32), 0.0),
            (ModelPrecision::Float32, Provider::Cuda(cuda)) if !cuda.tf32 => {
                (Difference::Absolute(CUDA_FLOAT32), 0.0)
            }
            (ModelPrecision::Float16 | ModelPrecision::Float32, Provider::Cuda(_)) => {
                (Difference::OfLargest(CUDA_ELEVEN_BITS), SAME_CLASS)
            }
            (ModelPrecision::Float16, Provider::Cpu) => (Difference::OfLargest(FLOAT16), SAME_CLASS),
            (ModelPrecision::Int8, _) => (Difference::OfLargest(INT8), 0.0),
        };
        Self {
            difference,
            same_class,
        }
    }

    /// Each value differs by `difference` at most.
    pub fn absolute(difference: f32) -> Self {
        Self {
            difference: Difference::Absolute(difference),
            same_class: 0.0,
        }
    }

    fn allowed(self, largest_value: f32) -> f32 {
        match self.difference {
            Difference::Absolute(difference) => difference,
            Difference::OfLargest(part) => part * largest_value.max(1.0),
        }
    }

    /// Number of `images` whose likeliest class may differ. Of few images one may, which is less than a sample tells.
    fn other_classes(self, images: usize) -> usize {
        ((1.0 - self.same_class) * images as f64 - 1e-9).ceil() as usize
    }
}

/// Compares an engine's outputs with candle's, and remembers how far they were apart.
pub struct Parity {
    candle: CandleEngine,
    tolerance: Tolerance,
    /// The engine gives probabilities instead of logits.
    probabilities: bool,
    differences: Differences,
}

/// How far outputs were apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Differences {
    /// Number of images.
    pub images: usize,
    /// Images whose likeliest class is the same.
    pub same_class: usize,
    /// Largest absolute difference; infinite where an output is not finite.
    pub largest: f32,
    /// Largest magnitude of what candle gave.
    pub largest_value: f32,
    sum: f64,
    values: usize,
}

impl Parity {
    /// A comparison with `candle`.
    pub fn new(candle: CandleEngine, tolerance: Tolerance, probabilities: bool) -> Self {
        Self {
            candle,
            tolerance,
            probabilities,
            differences: Differences::default(),
        }
    }

    /// Compares the outputs `found` of `n` images.
    ///
    /// # Errors
    /// candle fails, or has another number of classes.
    pub fn compare(&mut self, images: &[f32], n: usize, found: &[f32]) -> Result<()> {
        if n == 0 {
            return Ok(());
        }
        let classes = self.candle.classes();
        let found_classes = found.len() / n;
        ensure!(
            found_classes == classes,
            "the model has {found_classes} classes, candle's weights {classes}"
        );
        let mut expected = self.candle.logits(images, n)?;
        let mut found = found.to_vec();
        for (found, expected) in found.chunks_mut(classes).zip(expected.chunks_mut(classes)) {
            if self.probabilities {
                softmax(expected);
                centred_logarithms(found, expected);
            }
            self.differences.add(found, expected);
        }
        Ok(())
    }

    /// Whether the outputs compared were within the tolerance.
    pub fn passed(&self) -> bool {
        let Differences {
            images, same_class, ..
        } = self.differences;
        self.differences.largest <= self.allowed()
            && images - same_class <= self.tolerance.other_classes(images)
    }

    /// The largest difference that passes, of the outputs compared so far.
    pub fn allowed(&self) -> f32 {
        self.tolerance.allowed(self.differences.largest_value)
    }

    /// How far the outputs were apart.
    pub fn differences(&self) -> &Differences {
        &self.differences
    }
}

impl Differences {
    /// Mean absolute difference.
    pub fn mean(&self) -> f64 {
        self.sum / self.values.max(1) as f64
    }

    fn add(&mut self, found: &[f32], expected: &[f32]) {
        self.images += 1;
        self.same_class += usize::from(first_class(found) == first_class(expected));
        for (found, expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            let difference = if difference.is_nan() {
                f32::INFINITY
            } else {
                difference
            };
            self.largest = self.largest.max(difference);
            self.largest_value = self.largest_value.max(expected.abs());
            self.sum += f64::from(difference);
            self.values += 1;
        }
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Differences {
            images,
            same_class,
            largest,
            ..
        } = self.differences;
        let (mean, allowed) = (self.differences.mean(), self.allowed());
        let what = if self.probabilities {
            "log-probabilities"
        } else {
            "logits"
        };
        write!(
            f,
            "{what} differ from candle's by {largest:.1e} at most, {mean:.1e} on average (tolerance {allowed:.1e}); \
             the first class agrees on {same_class} of {images} images"
        )
    }
}

fn first_class(values: &[f32]) -> Option<usize> {
    let pairs = values.iter().enumerate();
    pairs
        .max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)))
        .map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::CudaOptions;

    /// A float16 model that gives probabilities, whose outputs are candle's changed by `change`.
    fn passes_of_probabilities(change: impl Fn(&mut [f32])) -> bool {
        let mut parity = parity();
        (parity.tolerance, parity.probabilities) =
            (Tolerance::of(ModelPrecision::Float16, &Provider::Cpu), true);
        let n = 3;
        let mut found = logits(n);
        found.chunks_mut(10).for_each(softmax);
        change(&mut found);
        parity.compare(&images(n), n, &found).unwrap();
        parity.passed()
    }

    #[test]
    fn probabilities_are_compared_as_closely_as_logits() {
        assert!(passes_of_probabilities(|_| {}));
        assert!(passes_of_probabilities(|found| found
            .iter_mut()
            .for_each(|p| *p *= 1.01)));
        let set_least = |found: &mut [f32], value: fn(f32) -> f32| {
            let least = found[..10].iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
            *least = value(*least);
        };
        // Of no weight among probabilities, but of a logit that is off by one.
        assert!(!passes_of_probabilities(
            |found| set_least(found, |p| p * std::f32::consts::E)
        ));
        assert!(!passes_of_probabilities(|found| set_least(found, |_| 0.0)));
        assert!(!passes_of_probabilities(|found| found
            .iter_mut()
            .for_each(|p| *p *= 3.0)));
        assert!(!passes_of_probabilities(|found| found[4] = f32::NAN));
        assert!(!passes_of_probabilities(|found| found.rotate_left(1)));
    }

    fn parity() -> Parity {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/mobilenet_v1_0.25.safetensors"
        );
        let weights = mbn_weights::Weights::load(path.as_ref()).unwrap();
        Parity::new(
            CandleEngine::new(&weights.fold()).unwrap(),
            Tolerance::of(ModelPrecision::Float32, &Provider::Cpu),
            false,
        )
    }

    fn images(n: usize) -> Vec<f32> {
        (0..n * 3 * 32 * 32)
            .map(|i| ((i * 31 + i / 1000) % 97) as f32 / 50.0 - 1.0)
            .collect()
    }

    fn logits(n: usize) -> Vec<f32> {
        parity().candle.logits(&images(n), n).unwrap()
    }

    #[test]
    fn equal_logits_pass_and_changed_ones_do_not() {
        let mut found = logits(2);
        let mut parity = parity();
        parity.compare(&images(2), 2, &found).unwrap();
        assert!(parity.passed());
        assert_eq!((parity.differences.images, parity.differences.same_class), (2, 2));
        found[3] += 2.0 * FLOAT32;
        parity.compare(&images(2), 2, &found).unwrap();
        assert!(!parity.passed());
        assert!((parity.differences.mean() - f64::from(2.0 * FLOAT32) / 40.0).abs() < 1e-6);
        assert_eq!(parity.differences.images, 4);
    }

    #[test]
    fn outputs_that_are_not_finite_do_not_pass() {
        for value in [f32::NAN, f32::INFINITY] {
            let mut found = logits(1);
            found[0] = value;
            let mut parity = parity();
            parity.compare(&images(1), 1, &found).unwrap();
            assert!(!parity.passed(), "{value}");
        }
    }

    #[test]
    fn another_number_of_classes_is_an_error() {
        assert!(parity().compare(&images(1), 1, &[0.0; 3]).is_err());
    }

    #[test]
    fn tolerances_of_low_precision_grow_with_the_logits() {
        assert_eq!(Tolerance::absolute(0.1).allowed(20.0), 0.1);
        let half = Tolerance::of(ModelPrecision::Float16, &Provider::Cpu);
        assert_eq!(half.allowed(20.0), 20.0 * FLOAT16);
        assert_eq!(half.allowed(0.2), FLOAT16);
        assert_eq!(half.other_classes(300), 3);
    }

    #[test]
    fn tolerances_on_cuda_follow_what_products_are_rounded_to() {
        let cuda = |tf32| {
            Provider::Cuda(CudaOptions {
                tf32,
                ..CudaOptions::default()
            })
        };
        let float32 = Tolerance::of(ModelPrecision::Float32, &cuda(false));
        assert_eq!(float32, Tolerance::absolute(CUDA_FLOAT32));
        let tf32 = Tolerance::of(ModelPrecision::Float32, &cuda(true));
        assert_eq!(tf32, Tolerance::of(ModelPrecision::Float16, &cuda(false)));
        assert_eq!(tf32.allowed(10.0), 10.0 * CUDA_ELEVEN_BITS);
        let other: Vec<_> = [1, 9, 100, 101, 300].map(|n| tf32.other_classes(n)).into();
        assert_eq!(other, [1, 1, 1, 2, 3]);
        assert_eq!(float32.other_classes(7), 7);
    }

    #[test]
    fn too_many_other_classes_do_not_pass() {
        let mut parity = parity();
        parity.tolerance = Tolerance {
            difference: Difference::Absolute(100.0),
            same_class: SAME_CLASS,
        };
        for passes in [true, false] {
            let mut found = logits(1);
            let first = first_class(&found).unwrap();
            found[first] -= 50.0;
            parity.compare(&images(1), 1, &found).unwrap();
            assert_eq!(parity.passed(), passes);
        }
    }

    #[test]
    fn ties_go_to_the_first_class() {
        assert_eq!(first_class(&[1.0, 3.0, 3.0]), Some(1));
        assert_eq!(first_class(&[]), None);
    }
}
