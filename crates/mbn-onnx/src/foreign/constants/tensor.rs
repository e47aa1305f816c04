//! A constant's values, and what puts them in other places.

/// The most dimensions of a constant.
pub(super) const MAX_RANK: usize = 8;

/// A constant's values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::foreign) struct Tensor {
    /// Its shape, outermost dimension first; empty for a scalar.
    pub dims: Vec<usize>,
    pub values: Vec<f64>,
    /// Its type has whole numbers alone.
    pub is_whole: bool,
}

impl Tensor {
    pub fn scalar(value: f64, is_whole: bool) -> Self {
        Self {
            dims: Vec::new(),
            values: vec![value],
            is_whole,
        }
    }

    /// Its values as whole numbers, if they are.
    pub fn ints(&self) -> Option<Vec<i64>> {
        let is_whole = |value: &f64| value.fract() == 0.0;
        // Beyond the integers, `as` gives the largest, which is what such bounds of slices mean.
        let as_ints = || self.values.iter().map(|value| *value as i64).collect();
        self.values.iter().all(is_whole).then(as_ints)
    }

    /// A dimension of it, which may be counted from the end.
    pub fn axis(&self, axis: i64) -> Option<usize> {
        normal(axis, self.dims.len())
    }

    /// Each value changed by itself.
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            values: self.values.iter().map(|value| change(*value)).collect(),
            ..self.clone()
        }
    }

    /// The same values in another shape.
    pub fn shaped(&self, dims: Vec<usize>) -> Option<Self> {
        let is_known = count(&dims)? == self.values.len();
        is_known.then(|| Self { dims, ..self.clone() })
    }

    /// The parts of these indexes along a dimension.
    pub fn select(&self, axis: usize, indexes: &[usize]) -> Option<Self> {
        let length = *self.dims.get(axis)?;
        if indexes.iter().any(|index| *index >= length) {
            return None;
        }
        let inner: usize = self.dims[axis + 1..].iter().product();
        let mut dims = self.dims.clone();
        dims[axis] = indexes.len();
        count(&dims)?;
        let mut values = Vec::new();
        // A dimension of 0 has no parts.
        for part in self.values.chunks_exact((length * inner).max(1)) {
            for index in indexes {
                values.extend_from_slice(&part[index * inner..(index + 1) * inner]);
            }
        }
        Some(Self {
            dims,
            values,
            ..*self
        })
    }

    /// The dimensions in another order.
    pub fn transposed(&self, perm: &[usize]) -> Option<Self> {
        let mut sorted = perm.to_vec();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.dims.len()) {
            return None;
        }
        let strides = strides(&self.dims);
        let dims: Vec<_> = perm.iter().map(|from| self.dims[*from]).collect();
        let strides: Vec<_> = perm.iter().map(|from| strides[*from]).collect();
        let mut values = Vec::with_capacity(self.values.len());
        places(&dims, |at| {
            let places = at.iter().zip(&strides);
            values.push(self.values[places.map(|(at, stride)| at * stride).sum::<usize>()]);
        });
        Some(Self {
            dims,
            values,
            ..*self
        })
    }

    /// Several behind each other along a dimension.
    pub fn joined(parts: &[&Self], axis: i64) -> Option<Self> {
        let first = *parts.first()?;
        let axis = first.axis(axis)?;
        let beside = |part: &Self| (part.dims[..axis].to_vec(), part.dims[axis + 1..].to_vec());
        let fits = |part: &&Self| part.dims.len() == first.dims.len() && beside(part) == beside(first);
        if !parts.iter().all(fits) {
            return None;
        }
        let outer: usize = first.dims[..axis].iter().product();
        let mut dims = first.dims.clone();
        dims[axis] = parts.iter().map(|part| part.dims[axis]).sum();
        let mut values = Vec::new();
        for i in 0..outer {
            for part in parts {
                let length = part.values.len() / outer;
                values.extend_from_slice(&part.values[i * length..(i + 1) * length]);
            }
        }
        let is_whole = first.is_whole;
        Some(Self {
            dims,
            values,
            is_whole,
        })
    }

    /// The shape that two have together where each dimension of 1 is repeated.
    pub fn common_dims(&self, other: &Self) -> Option<Vec<usize>> {
        let rank = self.dims.len().max(other.dims.len());
        let of = |tensor: &Self, i: usize| {
            let before = rank - tensor.dims.len();
            if i < before { 1 } else { tensor.dims[i - before] }
        };
        (0..rank)
            .map(|i| match (of(self, i), of(other, i)) {
                (1, length) | (length, 1) => Some(length),
                (one, other) => (one == other).then_some(one),
            })
            .collect()
    }

    /// What an operator makes of each pair of values, where each dimension of 1 is repeated. `dims` is their [common
    /// shape](Self::common_dims).
    pub fn paired(&self, other: &Self, dims: Vec<usize>, operator: impl Fn(f64, f64) -> f64) -> Self {
        let repeated = |tensor: &Self| {
            let mut all = vec![0; dims.len() - tensor.dims.len()];
            let own = strides(&tensor.dims).into_iter().zip(&tensor.dims);
            all.extend(own.map(|(stride, length)| if *length == 1 { 0 } else { stride }));
            all
        };
        let (one, two) = (repeated(self), repeated(other));
        let mut values = Vec::new();
        places(&dims, |at| {
            let of = |strides: &[usize]| {
                at.iter()
                    .zip(strides)
                    .map(|(at, stride)| at * stride)
                    .sum::<usize>()
            };
            values.push(operator(self.values[of(&one)], other.values[of(&two)]));
        });
        Self {
            dims,
            values,
            is_whole: self.is_whole && other.is_whole,
        }
    }
}

/// Values of a shape; `None` if it has too many dimensions, or values without an end. Of several dimensions none is 0, since the others
/// might be of any size then.
pub(super) fn count(dims: &[usize]) -> Option<usize> {
    let mut all = dims.iter();
    let count = all.try_fold(1usize, |count, dim| count.checked_mul(*dim))?;
    (dims.len() <= MAX_RANK && (count > 0 || dims.len() == 1)).then_some(count)
}

/// How far the next value along each dimension is.
fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i];
    }
    strides
}

/// Visits every place of a shape, row-major.
fn places(dims: &[usize], mut visit: impl FnMut(&[usize])) {
    if dims.contains(&0) {
        return;
    }
    let mut at = vec![0; dims.len()];
    loop {
        visit(&at);
        let Some(next) = (0..dims.len()).rev().find(|&i| at[i] + 1 < dims[i]) else {
            return;
        };
        at[next] += 1;
        at[next + 1..].fill(0);
    }
}

/// A dimension of so many, which may be counted from the end.
pub(super) fn normal(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(rank)? } else { axis };
    usize::try_from(axis).ok().filter(|_| axis < rank)
}

/// The indexes that a slice takes of `len`.
pub(in crate::foreign) fn sliced(len: usize, start: i64, end: i64, step: i64) -> Option<Vec<usize>> {
    let len = i64::try_from(len).ok().filter(|len| *len > 0)?;
    let from_start = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let (start, end) = (from_start(start), from_start(end));
    let indexes = match step {
        0 => return None,
        1.. => (start.clamp(0, len), end.clamp(0, len)),
        _ => (start.clamp(0, len - 1), end.clamp(-1, len - 1)),
    };
    let (mut at, end) = indexes;
    let mut taken = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        taken.push(usize::try_from(at).ok()?);
        at = at.saturating_add(step);
    }
    Some(taken)
}
