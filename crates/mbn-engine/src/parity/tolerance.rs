//! How far two engines' logits may be apart.

use crate::engine::Provider;
use crate::precision::ModelPrecision;

/// Two float32 programs that add the same terms in another order, through 28 layers: rounding grows with depth.
const FLOAT32: f32 = 1e-4;
/// Rounding grows with the logits too, by a part of what it may be on noise: logits of trained networks that reach 60 are off by
/// 1.3e-4.
const GROWTH: f32 = 0.1;
/// float16 keeps eleven bits of every weight and activation: networks with random weights, which are the worst case,
/// are off by up to 4 % of their largest logit, a wrong graph by 100 %.
const FLOAT16: f32 = 5e-2;
/// float32 on CUDA: cuDNN and cuBLAS choose the order of their sums, and Winograd's transforms round more.
const CUDA_FLOAT32: f32 = 1e-3;
/// float16 and TF32 on CUDA keep eleven bits of every factor but sum in float32, which is closer than rounded sums.
const CUDA_ELEVEN_BITS: f32 = 2e-2;
/// Eight bits for each weight and value: correct networks are off by tenths.
const INT8: f32 = 0.5;
/// Two engines on the same integers: floats are only added in pooling, and may move a feature by a step of its byte.
const INTEGERS: f32 = 1e-2;
/// The same where some layers stay float32: their rounding may move any byte by a step.
const MIXED_INTEGERS: f32 = 5e-2;
/// A graph that resizes rounds some bytes to the next level, where this project's resizing rounds the other way.
const RESIZED: f32 = 5e-2;
/// With eleven bits a near tie may go the other way, in few images.
const SAME_CLASS: f64 = 0.99;

/// What passes, in terms of logits. Probabilities are compared by their logarithms, which differ by as much as the
/// logits do, or at worst by twice that, when all differences in a row add up: each tolerance leaves room for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    pub(super) difference: Difference,
    /// Fraction of the images whose likeliest class must be the same.
    pub(super) same_class: f64,
    /// What passes in any case.
    pub(super) least: f32,
}

/// Largest difference that passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Difference {
    /// In each value.
    Absolute(f32),
    /// In each value, and more where [`GROWTH`] of it, as a fraction of the reference's scale, is more.
    Growing(f32),
    /// As a fraction of the reference's scale (`Differences::scale`).
    OfLargest(f32),
}

impl Tolerance {
    /// The usual tolerance for the logits of a model of this precision that `provider` runs.
    pub fn of(precision: ModelPrecision, provider: &Provider) -> Self {
        use ModelPrecision::{Float16, Float32, Int8};
        let (difference, same_class) = match (precision, provider) {
            (Float32, Provider::Cpu) => (Difference::Growing(FLOAT32), 0.0),
            (Float32, Provider::Cuda(cuda)) if !cuda.tf32 => (Difference::Growing(CUDA_FLOAT32), 0.0),
            (Float16 | Float32, Provider::Cuda(_)) => (Difference::OfLargest(CUDA_ELEVEN_BITS), SAME_CLASS),
            (Float16, Provider::Cpu) => (Difference::OfLargest(FLOAT16), SAME_CLASS),
            (Int8, _) => (Difference::OfLargest(INT8), 0.0),
        };
        Self {
            difference,
            same_class,
            least: 0.0,
        }
    }

    /// The tolerance for two engines that compute on the same integers, `mixed` if some layers are on floats.
    pub fn of_integers(mixed: bool) -> Self {
        Self {
            difference: Difference::OfLargest(if mixed { MIXED_INTEGERS } else { INTEGERS }),
            same_class: SAME_CLASS,
            least: 0.0,
        }
    }

    /// Each value may differ by `difference`.
    pub fn absolute(difference: f32) -> Self {
        Self {
            difference: Difference::Absolute(difference),
            same_class: 0.0,
            least: 0.0,
        }
    }

    /// The same tolerance for a graph that resizes pictures itself. One that is wider already says nothing of the likeliest
    /// class that it did not say before: eight bits turn near ties over in more images than rounding does.
    pub fn on_resized(self) -> Self {
        let (Difference::Absolute(fraction)
        | Difference::Growing(fraction)
        | Difference::OfLargest(fraction)) = self.difference;
        Self {
            difference: Difference::OfLargest(fraction.max(RESIZED)),
            same_class: if fraction > RESIZED {
                self.same_class
            } else {
                SAME_CLASS
            },
            ..self
        }
    }

    /// The same tolerance, which also lets differences of `least` pass.
    pub fn at_least(self, least: f32) -> Self {
        Self { least, ..self }
    }

    /// The same tolerance for pictures of noise. No network was trained on them: their logits may be far larger than
    /// those of pictures, and rounding grows with them. Near ties are common, so that a difference within the tolerance
    /// may change any likeliest class.
    pub fn on_noise(self) -> Self {
        let difference = match self.difference {
            Difference::Absolute(difference) | Difference::Growing(difference) => {
                Difference::OfLargest(difference)
            }
            of_largest => of_largest,
        };
        Self {
            difference,
            same_class: 0.0,
            ..self
        }
    }

    /// The largest difference that passes where the reference's values are of this scale.
    pub(super) fn allowed(self, scale: f32) -> f32 {
        let allowed = match self.difference {
            Difference::Absolute(difference) => difference,
            Difference::Growing(difference) => difference.max(GROWTH * difference * scale),
            Difference::OfLargest(fraction) => fraction * scale,
        };
        allowed.max(self.least)
    }

    /// How many of `images` may have another likeliest class. At least one of few may: a small sample tells no more.
    pub(super) fn other_classes(self, images: usize) -> usize {
        ((1.0 - self.same_class) * images as f64 - 1e-9).ceil() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::CudaOptions;

    #[test]
    fn tolerances_of_low_precision_grow_with_the_logits() {
        assert_eq!(Tolerance::absolute(0.1).allowed(20.0), 0.1);
        let half = Tolerance::of(ModelPrecision::Float16, &Provider::Cpu);
        assert_eq!(half.allowed(20.0), 20.0 * FLOAT16);
        assert_eq!(half.allowed(0.2), 0.2 * FLOAT16);
        assert_eq!(half.other_classes(300), 3);
        assert_eq!(half.on_noise().allowed(20.0), 20.0 * FLOAT16);
        assert_eq!(half.on_noise().other_classes(300), 300);
    }

    #[test]
    fn a_graph_that_resizes_may_round_otherwise() {
        let float32 = Tolerance::of(ModelPrecision::Float32, &Provider::Cpu).on_resized();
        assert_eq!(float32.allowed(20.0), 20.0 * RESIZED);
        assert_eq!(float32.other_classes(300), 3);
        assert_eq!(float32.at_least(3.0).on_noise().allowed(20.0), 3.0);
        // Of int8, which is wider, it asks no more than without resizing.
        let int8 = Tolerance::of(ModelPrecision::Int8, &Provider::Cpu);
        assert_eq!(int8.on_resized(), int8);
        let integers = Tolerance::of_integers(false).on_resized();
        assert_eq!(integers.allowed(20.0), 20.0 * RESIZED);
        assert_eq!(integers.other_classes(300), 3);
    }

    #[test]
    fn float32_logits_may_differ_more_when_they_are_large() {
        let float32 = Tolerance::of(ModelPrecision::Float32, &Provider::Cpu);
        assert_eq!(float32.allowed(9.0), FLOAT32);
        assert_eq!(float32.allowed(60.0), 6.0 * FLOAT32);
        assert_eq!(Tolerance::absolute(FLOAT32).allowed(60.0), FLOAT32);
        assert_eq!(float32.on_noise().allowed(20.0), 20.0 * FLOAT32);
        assert_eq!(float32.on_noise().allowed(0.2), 0.2 * FLOAT32);
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
        assert_eq!(float32.allowed(5.0), CUDA_FLOAT32);
        let tf32 = Tolerance::of(ModelPrecision::Float32, &cuda(true));
        assert_eq!(tf32, Tolerance::of(ModelPrecision::Float16, &cuda(false)));
        assert_eq!(tf32.allowed(10.0), 10.0 * CUDA_ELEVEN_BITS);
        let other: Vec<_> = [1, 9, 100, 101, 300].map(|n| tf32.other_classes(n)).into();
        assert_eq!(other, [1, 1, 1, 2, 3]);
        assert_eq!(float32.other_classes(7), 7);
    }
}
