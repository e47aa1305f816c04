//! The gradient that reaches a convolution, and rows that are computed as they are read.

use super::normalization::{ConstantLanes, Constants, InputGradient, InputGradientLanes};
use super::product::Arithmetic;
use super::simd::{Lanes, Simd, for_lanes, load, store, vectorised};
use crate::operands::element::Element;

/// The convolution's result and the gradient of what batch norm makes of it, `[n, oh, ow, c]`.
#[derive(Clone, Copy)]
pub(crate) struct Upstream<'a, T> {
    pub raw: &'a [T],
    pub gradient: &'a [T],
    pub map: &'a InputGradient,
}

impl<'a, T: Element> Upstream<'a, T> {
    /// Blocks of `len` values.
    pub fn chunks(self, len: usize) -> impl Iterator<Item = Self> + Clone {
        let Self { raw, gradient, map } = self;
        let chunks = raw.chunks(len).zip(gradient.chunks(len));
        chunks.map(move |(raw, gradient)| Self { raw, gradient, map })
    }
}

/// An activation, given by the convolution's result.
#[derive(Clone, Copy)]
pub(super) struct Activated<'a, T> {
    pub raw: &'a [T],
    pub constants: Constants<'a>,
}

/// A matrix whose rows are computed as they are read.
pub(super) trait Rows: Copy {
    /// What the rows need to know about `L` columns.
    type Lanes<const L: usize>;

    fn columns(&self) -> usize;
    fn rows(&self) -> usize;
    fn prepare<const L: usize>(&self, at: usize) -> Self::Lanes<L>;
    /// The columns `at..at + L` of a row.
    fn get<const L: usize>(&self, simd: Simd, lanes: &Self::Lanes<L>, row: usize, at: usize) -> [f32; L];
}

impl<T: Element> Rows for Activated<'_, T> {
    type Lanes<const L: usize> = ConstantLanes<L>;

    fn columns(&self) -> usize {
        self.constants.mean.len()
    }

    fn rows(&self) -> usize {
        self.raw.len() / self.columns()
    }

    #[inline(always)]
    fn prepare<const L: usize>(&self, at: usize) -> ConstantLanes<L> {
        self.constants.lanes(at)
    }

    #[inline(always)]
    fn get<const L: usize>(&self, simd: Simd, lanes: &ConstantLanes<L>, row: usize, at: usize) -> [f32; L] {
        lanes.activate(simd, load::<T, L>(self.raw, row * self.constants.mean.len() + at))
    }
}

/// The gradient of the convolution's result.
impl<T: Element> Rows for Upstream<'_, T> {
    type Lanes<const L: usize> = InputGradientLanes<L>;

    fn columns(&self) -> usize {
        self.map.channels()
    }

    fn rows(&self) -> usize {
        self.raw.len() / self.columns()
    }

    #[inline(always)]
    fn prepare<const L: usize>(&self, at: usize) -> InputGradientLanes<L> {
        self.map.lanes(at)
    }

    #[inline(always)]
    fn get<const L: usize>(
        &self,
        simd: Simd,
        lanes: &InputGradientLanes<L>,
        row: usize,
        at: usize,
    ) -> [f32; L] {
        lanes.load(simd, self.raw, self.gradient, row * self.map.channels() + at)
    }
}

/// Where rows are written for a product.
pub(super) struct Layout<'a, F: Arithmetic> {
    /// Row by row, and the distance of rows in words.
    pub rows: Option<(&'a mut [F::Word], usize)>,
    /// For sums over rows, a word holding values of one column, and the distance of rows of words.
    pub stacked: Option<(&'a mut [F::Word], usize)>,
}

/// Writes all rows of `source`; fills words that are not full with zeros.
pub(super) fn write<F: Arithmetic>(source: impl Rows, layout: Layout<F>) {
    /// Rows that are read together: few enough for the memory's prefetching, enough to use the constants again.
    const TOGETHER: usize = 8;

    let Layout {
        mut rows,
        mut stacked,
    } = layout;
    if let Some((words, stride)) = &mut rows
        && !source.columns().is_multiple_of(F::PER_WORD)
    {
        let last = source.columns() / F::PER_WORD;
        words
            .chunks_mut(*stride)
            .for_each(|row| row[last] = F::word(0.0, 0.0));
    }
    vectorised(
        #[inline(always)]
        |simd| {
            for start in (0..source.rows()).step_by(TOGETHER) {
                let mut together = Write::<F, _> {
                    source,
                    range: (start, (start + TOGETHER).min(source.rows())),
                    rows: rows
                        .as_mut()
                        .map(|(words, stride)| (super::product::values::<F>(words), *stride * F::PER_WORD)),
                    stacked: stacked.as_mut().map(|(words, stride)| (&mut **words, *stride)),
                };
                for_lanes(simd, source.columns(), &mut together);
            }
        },
    );
}

struct Write<'a, F: Arithmetic, R> {
    source: R,
    range: (usize, usize),
    rows: Option<(&'a mut [F::Value], usize)>,
    stacked: Option<(&'a mut [F::Word], usize)>,
}

impl<F: Arithmetic, R: Rows> Lanes for Write<'_, F, R> {
    #[inline(always)]
    fn run<const L: usize>(&mut self, simd: Simd, at: usize) {
        let lanes = self.source.prepare::<L>(at);
        let (start, end) = self.range;
        for row in (start..end).step_by(F::PER_WORD) {
            let first = self.source.get(simd, &lanes, row, at);
            let has_second = F::PER_WORD == 2 && row + 1 < end;
            let mut second = [0.0; L];
            if has_second {
                second = self.source.get(simd, &lanes, row + 1, at);
            }
            if let Some((values, stride)) = &mut self.rows {
                store(values, row * *stride + at, first);
                if has_second {
                    store(values, (row + 1) * *stride + at, second);
                }
            }
            if let Some((words, stride)) = &mut self.stacked {
                let words = &mut words[row / F::PER_WORD * *stride + at..][..L];
                for (lane, word) in words.iter_mut().enumerate() {
                    *word = F::word(first[lane], second[lane]);
                }
            }
        }
    }
}
