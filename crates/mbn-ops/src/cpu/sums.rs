//! Two sums over the rows of `[rows, c]` for each channel, in float64: an error in a mean moves all values of a
//! channel, and in float64 the mean of squares less the square of the mean loses nothing that matters.
//!
//! A few rows at a time are added in float32, as differences from the first of them: where a channel's mean is
//! large against its deviation, float32 sums of the values' own squares would lose the variance.

use super::normalization::Constants;
use super::results::Results;
use super::simd::{Lanes, Simd, for_lanes, load, mul_add, store};
use super::sum_in_order;
use crate::operands::element::Element;

/// Rows that are added in float32 before their sum enters the float64 one.
const ROWS: usize = 32;

/// `[2, c]`: two sums of each channel.
pub(crate) struct Sums(Vec<f64>);

impl Sums {
    pub fn new(c: usize) -> Self {
        Self(vec![0.0; 2 * c])
    }

    pub fn in_order(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(sum_in_order(parts.into_iter().map(|part| part.0)))
    }

    /// The sums themselves.
    pub fn split(&self) -> (&[f64], &[f64]) {
        self.0.split_at(self.0.len() / 2)
    }

    /// Mean and biased variance, if the sums are of the values and of their squares.
    pub fn moments(&self, rows: usize) -> (Vec<f32>, Vec<f32>) {
        let (sums, squares) = self.split();
        let rows = rows as f64;
        let moments = sums.iter().zip(squares).map(|(sum, squares)| {
            let mean = sum / rows;
            (mean as f32, (squares / rows - mean * mean).max(0.0) as f32)
        });
        moments.unzip()
    }

    /// Adds the values of `rows` and their squares.
    #[inline(always)]
    pub fn add_squares<T: Element>(&mut self, simd: Simd, rows: &[T], c: usize) {
        for rows in rows.chunks(ROWS * c) {
            for_lanes(
                simd,
                c,
                &mut Squares {
                    sums: &mut self.0,
                    rows,
                    c,
                },
            );
        }
    }

    /// Turns `gradient`, of an activation, into the gradient before it, `dy`, which goes to `out`; adds `dy` and
    /// `dy (raw - mean)`.
    #[inline(always)]
    pub fn add_passed<T: Element>(
        &mut self,
        simd: Simd,
        out: &mut [T],
        gradient: Option<&[f32]>,
        raw: &[T],
        constants: Constants,
    ) {
        let c = constants.mean.len();
        for (i, out) in out.chunks_mut(ROWS * c).enumerate() {
            let range = i * ROWS * c..i * ROWS * c + out.len();
            let mut passed = Passed {
                sums: &mut self.0,
                gradient: gradient.map(|gradient| &gradient[range.clone()]),
                out,
                raw: &raw[range],
                constants,
            };
            for_lanes(simd, c, &mut passed);
        }
    }

    /// Adds `first` and `second` to the channels `at..at + L`.
    #[inline(always)]
    pub fn add_lanes<const L: usize>(&mut self, at: usize, first: [f32; L], second: [f32; L]) {
        add_lanes(&mut self.0, at, widen(first), widen(second));
    }
}

#[inline(always)]
fn add_lanes<const L: usize>(sums: &mut [f64], at: usize, first: [f64; L], second: [f64; L]) {
    let (sums, others) = sums.split_at_mut(sums.len() / 2);
    for (sums, values) in [(sums, first), (others, second)] {
        let sums = &mut sums[at..at + L];
        for lane in 0..L {
            sums[lane] += values[lane];
        }
    }
}

/// `lanes` in float64.
#[inline(always)]
fn widen<const L: usize>(lanes: [f32; L]) -> [f64; L] {
    // If LLVM sees the conversion after the loop that adds to the sums, it keeps them in halves of registers there.
    let lanes = std::hint::black_box(lanes);
    let mut wide = [0.0; L];
    for lane in 0..L {
        wide[lane] = f64::from(lanes[lane]);
    }
    wide
}

/// Adds the results of a convolution and their squares.
pub(super) struct SumsOfResults<'a>(pub &'a mut Sums);

impl Results for SumsOfResults<'_> {
    type Lanes<const L: usize> = Moments<L>;

    #[inline(always)]
    fn start<const L: usize>(&self, _: usize) -> Moments<L> {
        Moments::new()
    }

    #[inline(always)]
    fn map<const L: usize>(&self, _: Simd, _: &Moments<L>, x: [f32; L]) -> [f32; L] {
        x
    }

    #[inline(always)]
    fn note<const L: usize>(&self, simd: Simd, lanes: &mut Moments<L>, stored: [f32; L]) {
        lanes.add(simd, stored);
    }

    #[inline(always)]
    fn finish<const L: usize>(&mut self, lanes: Moments<L>, at: usize) {
        lanes.flush(&mut self.0.0, at);
    }
}

/// Sums of a few values of `L` channels in float32, as differences from the first of them.
pub(super) struct Moments<const L: usize> {
    count: usize,
    pivot: [f32; L],
    sums: [f32; L],
    squares: [f32; L],
}

impl<const L: usize> Moments<L> {
    #[inline(always)]
    fn new() -> Self {
        Self {
            count: 0,
            pivot: [0.0; L],
            sums: [0.0; L],
            squares: [0.0; L],
        }
    }

    #[inline(always)]
    fn add(&mut self, simd: Simd, values: [f32; L]) {
        if self.count == 0 {
            self.pivot = values;
        }
        self.count += 1;
        for (lane, value) in values.into_iter().enumerate() {
            let difference = value - self.pivot[lane];
            self.sums[lane] += difference;
            self.squares[lane] = mul_add(simd, difference, difference, self.squares[lane]);
        }
    }

    /// Adds the values and their squares to `sums`.
    #[inline(always)]
    fn flush(self, sums: &mut [f64], at: usize) {
        let count = self.count as f64;
        let (pivot, sum, square) = (widen(self.pivot), widen(self.sums), widen(self.squares));
        let (mut first, mut second) = ([0.0; L], [0.0; L]);
        for lane in 0..L {
            first[lane] = sum[lane] + count * pivot[lane];
            second[lane] = square[lane] + pivot[lane] * (2.0 * sum[lane] + count * pivot[lane]);
        }
        add_lanes(sums, at, first, second);
    }
}

struct Squares<'a, T> {
    sums: &'a mut [f64],
    rows: &'a [T],
    c: usize,
}

impl<T: Element> Lanes for Squares<'_, T> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let mut moments = Moments::<L>::new();
        for row in self.rows.chunks_exact(self.c) {
            moments.add(simd, load::<T, L>(row, at));
        }
        moments.flush(self.sums, at);
    }
}

struct Passed<'a, T> {
    sums: &'a mut [f64],
    out: &'a mut [T],
    /// In `out` itself where there is none.
    gradient: Option<&'a [f32]>,
    raw: &'a [T],
    constants: Constants<'a>,
}

impl<T: Element> Lanes for Passed<'_, T> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let constants = self.constants.lanes::<L>(at);
        let c = self.constants.mean.len();
        let (mut sums, mut products) = ([0.0; L], [0.0; L]);
        for (i, out) in self.out.chunks_exact_mut(c).enumerate() {
            let gradient = match self.gradient {
                Some(gradient) => load::<f32, L>(gradient, i * c + at),
                None => load::<T, L>(out, at),
            };
            let raw = load::<T, L>(self.raw, i * c + at);
            let passed = constants.pass(constants.normalise(simd, raw), gradient);
            let centred = constants.centre(raw);
            for lane in 0..L {
                sums[lane] += passed[lane];
                products[lane] = mul_add(simd, passed[lane], centred[lane], products[lane]);
            }
            store(out, at, passed);
        }
        add_lanes(self.sums, at, widen(sums), widen(products));
    }
}
