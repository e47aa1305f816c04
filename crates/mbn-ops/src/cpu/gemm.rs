//! Matrix products on strided views, on one thread each: callers split the work.

/// Number formats that products are formed in.
pub(crate) trait Number: Copy + 'static {
    const ONE: Self;
}

impl Number for f32 {
    const ONE: Self = 1.0;
}

impl Number for f64 {
    const ONE: Self = 1.0;
}

/// A matrix in a slice: element `(i, j)` is at `i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T = f32> {
    pub values: &'a [T],
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// `values` as rows of `cols`.
    pub fn new(values: &'a [T], cols: usize) -> Self {
        Self {
            values,
            rows: values.len() / cols,
            cols,
            row_stride: cols,
            col_stride: 1,
        }
    }

    /// The transpose, without moving anything.
    pub fn t(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    fn is_inside(&self) -> bool {
        let last = |n: usize, stride: usize| n.saturating_sub(1) * stride;
        self.rows == 0
            || self.cols == 0
            || last(self.rows, self.row_stride) + last(self.cols, self.col_stride) < self.values.len()
    }
}

/// `out = a b`, or `out += a b` if `accumulate`; `out` is row-major, `[a.rows, b.cols]`.
///
/// # Panics
/// If the shapes do not fit: a fault of the calling kernel.
pub(crate) fn gemm<T: Number>(out: &mut [T], a: Matrix<T>, b: Matrix<T>, accumulate: bool) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert_eq!(k, b.rows);
    assert_eq!(out.len(), m * n);
    assert!(a.is_inside() && b.is_inside());
    let stride = |s: usize| s as isize;
    // SAFETY: the asserts above keep every element that is read inside `a.values` and `b.values`, and every
    // element that is written inside `out`, which is borrowed mutably and so overlaps neither.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride(n),
            accumulate,
            a.values.as_ptr(),
            stride(a.col_stride),
            stride(a.row_stride),
            b.values.as_ptr(),
            stride(b.col_stride),
            stride(b.row_stride),
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplies_transposed_views_and_accumulates() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // [2, 3]
        let b = [1.0, 0.0, 2.0, 1.0, 0.0, 1.0]; // [2, 3], used as [3, 2]
        let mut out = [10.0; 4];
        gemm(&mut out, Matrix::new(&a, 3), Matrix::new(&b, 3).t(), true);
        assert_eq!(out, [17.0, 14.0, 26.0, 20.0]);
        gemm(&mut out, Matrix::new(&a, 3), Matrix::new(&b, 3).t(), false);
        assert_eq!(out, [7.0, 4.0, 16.0, 10.0]);
    }
}
