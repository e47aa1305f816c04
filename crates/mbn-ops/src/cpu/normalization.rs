//! Batch norm and activation as maps of lanes, applied while a kernel loads.

use super::simd::{Simd, activate, load, mul_add, mul_add_lanes};
use crate::operands::element::Element;

/// Per-channel constants of one layer's batch norm and activation.
#[derive(Clone, Copy)]
pub(crate) struct Constants<'a> {
    pub mean: &'a [f32],
    /// `1 / sqrt(variance + epsilon)`
    pub inv_std: &'a [f32],
    /// `gamma inv_std`
    pub scale: &'a [f32],
    /// `beta - mean scale`
    pub shift: &'a [f32],
    /// Upper bound of the activation.
    pub max: f32,
}

impl<'a> Constants<'a> {
    /// From `[4, C]`.
    pub fn new(packed: &'a [f32], max: f32) -> Self {
        let c = packed.len() / 4;
        let row = |i: usize| &packed[i * c..(i + 1) * c];
        Self {
            mean: row(0),
            inv_std: row(1),
            scale: row(2),
            shift: row(3),
            max,
        }
    }

    /// The constants of the channels `at..at + L`.
    #[inline(always)]
    pub fn lanes<const L: usize>(&self, at: usize) -> ConstantLanes<L> {
        ConstantLanes {
            mean: load(self.mean, at),
            scale: load(self.scale, at),
            shift: load(self.shift, at),
            max: self.max,
        }
    }
}

/// [`Constants`] of `L` channels.
#[derive(Clone, Copy)]
pub(crate) struct ConstantLanes<const L: usize> {
    mean: [f32; L],
    scale: [f32; L],
    shift: [f32; L],
    max: f32,
}

impl<const L: usize> ConstantLanes<L> {
    /// `scale x + shift`
    #[inline(always)]
    pub fn normalise(&self, simd: Simd, x: [f32; L]) -> [f32; L] {
        mul_add_lanes(simd, x, self.scale, self.shift)
    }

    /// `min(max(0, normalised), max)`, NaN for NaN.
    #[inline(always)]
    pub fn clamp(&self, normalised: [f32; L]) -> [f32; L] {
        let mut out = normalised;
        for value in &mut out {
            *value = activate(*value, self.max);
        }
        out
    }

    #[inline(always)]
    pub fn activate(&self, simd: Simd, x: [f32; L]) -> [f32; L] {
        self.clamp(self.normalise(simd, x))
    }

    /// The gradient before the activation: the gradient after it where the activation passes it on, else 0.
    #[inline(always)]
    pub fn pass(&self, normalised: [f32; L], gradient: [f32; L]) -> [f32; L] {
        let mut out = gradient;
        for (out, normalised) in out.iter_mut().zip(normalised) {
            let passes = normalised > 0.0 && normalised < self.max;
            *out = if passes { *out } else { 0.0 };
        }
        out
    }

    /// `x - mean`
    #[inline(always)]
    pub fn centre(&self, x: [f32; L]) -> [f32; L] {
        let mut out = x;
        for (out, mean) in out.iter_mut().zip(self.mean) {
            *out -= mean;
        }
        out
    }
}

/// The gradient of batch norm's input (Ioffe and Szegedy 2015, section 3),
/// `gamma inv_std (dy - dbeta / n - (x - mean) inv_std dgamma / n)` for `n` values in each channel, as
/// `scale dy + slope x + offset`.
pub(crate) struct InputGradient {
    scale: Vec<f32>,
    slope: Vec<f32>,
    offset: Vec<f32>,
}

impl InputGradient {
    pub fn new(constants: Constants, dgamma: &[f32], dbeta: &[f32], n: usize) -> Self {
        let n = n as f64;
        let slope = |i: usize| {
            -f64::from(constants.scale[i]) * f64::from(constants.inv_std[i]) * f64::from(dgamma[i]) / n
        };
        let offset = |i: usize| {
            -f64::from(constants.scale[i]) * f64::from(dbeta[i]) / n - slope(i) * f64::from(constants.mean[i])
        };
        let c = constants.mean.len();
        Self {
            scale: constants.scale.to_vec(),
            slope: (0..c).map(|i| slope(i) as f32).collect(),
            offset: (0..c).map(|i| offset(i) as f32).collect(),
        }
    }

    pub fn channels(&self) -> usize {
        self.scale.len()
    }

    /// The map of the channels `at..at + L`.
    #[inline(always)]
    pub fn lanes<const L: usize>(&self, at: usize) -> InputGradientLanes<L> {
        InputGradientLanes {
            scale: load(&self.scale, at),
            slope: load(&self.slope, at),
            offset: load(&self.offset, at),
        }
    }
}

/// [`InputGradient`] of `L` channels.
#[derive(Clone, Copy)]
pub(crate) struct InputGradientLanes<const L: usize> {
    scale: [f32; L],
    slope: [f32; L],
    offset: [f32; L],
}

impl<const L: usize> InputGradientLanes<L> {
    /// From batch norm's input `x` and its result's gradient `dy`, at `at`.
    #[inline(always)]
    pub fn load<T: Element>(&self, simd: Simd, x: &[T], dy: &[T], at: usize) -> [f32; L] {
        let (x, dy) = (load::<T, L>(x, at), load::<T, L>(dy, at));
        let mut out = dy;
        for lane in 0..L {
            let linear = mul_add(simd, x[lane], self.slope[lane], self.offset[lane]);
            out[lane] = mul_add(simd, dy[lane], self.scale[lane], linear);
        }
        out
    }
}

/// What happens to values as a kernel loads or stores them.
pub(crate) trait Map: Copy + Sync {
    /// What the map needs to know about `L` channels.
    type Lanes<const L: usize>: Copy;

    /// For the channels `at..at + L`.
    fn prepare<const L: usize>(&self, at: usize) -> Self::Lanes<L>;

    fn apply<const L: usize>(simd: Simd, lanes: &Self::Lanes<L>, x: [f32; L]) -> [f32; L];
}

impl Map for Constants<'_> {
    type Lanes<const L: usize> = ConstantLanes<L>;

    #[inline(always)]
    fn prepare<const L: usize>(&self, at: usize) -> ConstantLanes<L> {
        self.lanes(at)
    }

    #[inline(always)]
    fn apply<const L: usize>(simd: Simd, lanes: &ConstantLanes<L>, x: [f32; L]) -> [f32; L] {
        lanes.activate(simd, x)
    }
}

/// Values that are used as they are.
#[derive(Clone, Copy)]
pub(crate) struct AsStored;

impl Map for AsStored {
    type Lanes<const L: usize> = ();

    #[inline(always)]
    fn prepare<const L: usize>(&self, _: usize) {}

    #[inline(always)]
    fn apply<const L: usize>(_: Simd, (): &(), x: [f32; L]) -> [f32; L] {
        x
    }
}
