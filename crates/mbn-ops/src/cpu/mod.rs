//! Kernels on slices. Each splits its work in a way that does not depend on the number of threads, and adds
//! partial sums in a fixed order, so results are the same for any number of threads.

pub(crate) mod batch_norm;
pub(crate) mod depthwise;
pub(crate) mod depthwise_backward;
pub(crate) mod gemm;
pub(crate) mod optim;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod stem;

/// Whether products and sums are fused: rounded once, by one instruction. Known when a kernel is compiled.
pub(crate) type Fused = bool;

/// Runs `f` compiled for the widest vector instructions that the processor has. The closure has to be marked
/// `#[inline(always)]`, or it is compiled without them.
#[inline(always)]
pub(crate) fn vectorised<R>(f: impl FnOnce(Fused) -> R) -> R {
    struct Run<F>(F);

    impl<R, F: FnOnce(Fused) -> R> pulp::WithSimd for Run<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            (self.0)(!S::IS_SCALAR)
        }
    }

    pulp::Arch::new().dispatch(Run(f))
}

/// `a b + c`. Without the instruction, fusing would be a call of a slow function.
#[inline(always)]
pub(crate) fn mul_add(fused: Fused, a: f32, b: f32, c: f32) -> f32 {
    if fused { a.mul_add(b, c) } else { a * b + c }
}

/// Adds `parts`, all of one length, in their order.
pub(crate) fn sum_in_order(parts: Vec<Vec<f32>>) -> Vec<f32> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        for (sum, value) in total.iter_mut().zip(&part) {
            *sum += value;
        }
    }
    total
}

/// Bias and upper bound of the activation, as slices.
#[derive(Clone, Copy)]
pub(crate) struct Bias<'a> {
    pub bias: &'a [f32],
    pub max: f32,
}

impl Bias<'_> {
    /// Adds the bias to each row and clamps it.
    #[inline(always)]
    pub fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.bias.len()) {
            for (value, bias) in row.iter_mut().zip(self.bias) {
                *value = (*value + bias).max(0.0).min(self.max);
            }
        }
    }
}
