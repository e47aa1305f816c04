//! A resize along one axis as whole numbers, for a device to carry out.

use std::ops::Range;

/// Bits after the point of a weight, at most: eight more for a byte and two to spare make 32.
const MAX_SHIFT: u32 = 21;
/// What a weight is below.
const WEIGHT_LIMIT: f64 = 32_768.0;

/// How the pixels along one axis become `size` ones, to the bit as the CPU's resize makes them: result `i` is the sum
/// of `weights[i * taps + j]` times pixel `starts[i] + j` over `j`, and of half of `2^shift`, divided by `2^shift` with
/// rounding down, and bounded to a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Pixels that each result is made of.
    pub taps: usize,
    /// Bits of a weight after the point, 1 to 21.
    pub shift: u32,
    /// First pixel that each result is made of, `[size]`.
    pub starts: Vec<u32>,
    /// `[size, taps]`
    pub weights: Vec<i16>,
}

impl Filter {
    /// Pillow's bilinear filter with antialiasing, a triangle as wide as the picture is reduced, for what lies from
    /// `low` to `high` on an axis of `length` pixels. It looks beyond these edges where there are pixels. The order of
    /// operations is `fast_image_resize`'s, with which all but the result's last bit could change.
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

    /// Rounds weights as the vector instructions for 16-bit integers want them, and leaves out those at both ends that
    /// become zero.
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
            // All taps lie in the picture; where fewer are used at its end, the first ones weigh nothing.
            let start = first.min(length - taps as u32);
            let used = &rounded[range];
            weights[(first - start) as usize..][..used.len()].copy_from_slice(used);
            filter.starts.push(start);
        }
        filter
    }

    /// The pixels that results are made of.
    pub(super) fn span(&self) -> Range<u32> {
        let first = self.starts.iter().min().copied().unwrap_or(0);
        let last = self.starts.iter().max().copied().unwrap_or(0);
        first..last + self.taps as u32
    }

    /// The same where the axis begins at pixel `first`.
    pub(super) fn shifted(mut self, first: u32) -> Self {
        for start in &mut self.starts {
            *start -= first;
        }
        self
    }
}
