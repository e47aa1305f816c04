//! A resize along one axis in integer arithmetic, for a device to compute.

use std::ops::Range;

/// Most fractional bits of a weight: with eight bits for a byte and two to spare, sums fit 32 bits.
const MAX_SHIFT: u32 = 21;
/// Upper bound of a weight, exclusive.
const WEIGHT_LIMIT: f64 = 32_768.0;

/// Resizes the pixels along one axis to `size` pixels, bit for bit like the CPU's resize. Result `i` is
/// `floor((2^(shift - 1) + sum_j weights[i * taps + j] * pixel[starts[i] + j]) / 2^shift)`, clamped to a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Number of pixels that each result depends on.
    pub taps: usize,
    /// Fractional bits of a weight, 1 to 21.
    pub shift: u32,
    /// First pixel that each result depends on, `[size]`.
    pub starts: Vec<u32>,
    /// `[size, taps]`
    pub weights: Vec<i16>,
}

impl Filter {
    /// Pillow's bilinear filter with antialiasing, for the part from `low` to `high` of an axis of `length` pixels: a
    /// triangle whose width grows with the reduction. It reads pixels beyond these edges if there are any. The order of
    /// operations is that of `fast_image_resize`; another order could change the last bit of a result.
    pub(super) fn bilinear(length: u32, [low, high]: [f64; 2], size: usize) -> Self {
        let scale = (high - low) / size as f64;
        let radius = scale.max(1.0);
        let narrowing = 1.0 / radius;
        let window = 2 * radius.ceil() as usize + 1;
        let mut weights = vec![0.0; size * window];
        let mut starts = Vec::with_capacity(size);
        for (i, weights) in weights.chunks_exact_mut(window).enumerate() {
            let centre = low + (i as f64 + 0.5) * scale;
            let start = (centre - radius).floor().max(0.0) as u32;
            let end = (centre + radius).ceil().min(f64::from(length)) as u32;
            let mut sum = 0.0;
            for (weight, pixel) in weights.iter_mut().zip(start..end) {
                let distance = (f64::from(pixel) - (centre - 0.5)) * narrowing;
                *weight = (1.0 - distance.abs()).max(0.0);
                sum += *weight;
            }
            for weight in weights {
                *weight /= sum;
            }
            starts.push(start);
        }
        Self::rounded(length, window, &starts, &weights)
    }

    /// Rounds weights to 16-bit integers, as vector instructions need them, and drops those at both ends that round to
    /// zero.
    fn rounded(length: u32, window: usize, starts: &[u32], weights: &[f64]) -> Self {
        let largest = weights.iter().copied().fold(0.0, f64::max);
        let fills = |shift: &u32| (largest * f64::from(2u32 << shift)).round() >= WEIGHT_LIMIT;
        let shift = (0..MAX_SHIFT).find(fills).unwrap_or(MAX_SHIFT);
        let one = f64::from(1u32 << shift);
        let rounded: Vec<i16> = weights
            .iter()
            .map(|weight| (weight * one).round() as i16)
            .collect();
        let used = |weights: &[i16]| -> Range<usize> {
            let first = weights.iter().position(|weight| *weight != 0).unwrap_or(0);
            let last = weights.iter().rposition(|weight| *weight != 0).unwrap_or(0);
            first..last + 1
        };
        let ranges: Vec<Range<usize>> = rounded.chunks_exact(window).map(used).collect();
        let taps = ranges.iter().map(Range::len).max().unwrap_or(1);
        let mut filter = Self {
            taps,
            shift,
            starts: Vec::with_capacity(starts.len()),
            weights: vec![0; starts.len() * taps],
        };
        let rows = filter.weights.chunks_exact_mut(taps);
        for (((weights, rounded), range), start) in
            rows.zip(rounded.chunks_exact(window)).zip(ranges).zip(starts)
        {
            let first = start + range.start as u32;
            // All taps lie inside the picture; if fewer are needed at its end, the first ones have weight 0.
            let start = first.min(length - taps as u32);
            let used = &rounded[range];
            weights[(first - start) as usize..][..used.len()].copy_from_slice(used);
            filter.starts.push(start);
        }
        filter
    }

    /// The pixels that the results depend on.
    pub(super) fn span(&self) -> Range<u32> {
        let first = self.starts.iter().min().copied().unwrap_or(0);
        let last = self.starts.iter().max().copied().unwrap_or(0);
        first..last + self.taps as u32
    }

    /// The same filter for an axis that begins at pixel `first`.
    pub(super) fn shifted(mut self, first: u32) -> Self {
        for start in &mut self.starts {
            *start -= first;
        }
        self
    }
}
