//! Products against their definition.

use pulp::bytemuck::cast_slice;

use super::super::packed::{pack_columns, pack_rows, packed_len};
use super::*;

/// Values that bfloat16 holds exactly, so that both types give the same sums.
fn matrix(rows: usize, cols: usize, seed: usize) -> Vec<f32> {
    (0..rows * cols)
        .map(|i| ((i * 7 + seed) % 17) as f32 / 8.0 - 1.0)
        .collect()
}

/// `words` of the matrix in rows of `stride`, and the same for sums over its rows.
fn lay_out<F: Arithmetic>(matrix: &[f32], cols: usize) -> (Vec<F::Word>, usize, Vec<F::Word>, usize) {
    let rows = matrix.len() / cols;
    let at = |i: usize, j: usize| {
        if i < rows && j < cols {
            matrix[i * cols + j]
        } else {
            0.0
        }
    };
    let stride = padded(F::words(cols));
    let major = (0..rows * stride).map(|k| {
        let (i, j) = (k / stride, k % stride * F::PER_WORD);
        F::word(at(i, j), at(i, j + 1))
    });
    let wide = padded(cols);
    let stacked = (0..F::words(rows) * wide).map(|k| {
        let (i, j) = (k / wide * F::PER_WORD, k % wide);
        F::word(at(i, j), at(i + 1, j))
    });
    (major.collect(), stride, stacked.collect(), wide)
}

fn agrees_with_the_definition<F: Arithmetic>() {
    // Fewer and more than a tile in each direction, odd and even.
    for (rows, depth, cols) in [
        (1, 1, 1),
        (14, 16, 32),
        (31, 7, 33),
        (29, 40, 64),
        (5, 3, 15),
        (3, 9, 100),
    ] {
        let (a, b) = (matrix(rows, depth, 3), matrix(depth, cols, 5));
        let sum =
            |i: usize, j: usize| -> f32 { (0..depth).map(|p| a[i * depth + p] * b[p * cols + j]).sum() };
        let expected: Vec<f32> = (0..rows * cols).map(|k| sum(k / cols, k % cols)).collect();
        let (words, stride, ..) = lay_out::<F>(&a, depth);
        let b_transposed: Vec<f32> = (0..b.len()).map(|k| b[k % depth * cols + k / depth]).collect();
        let mut memory = [(); 2].map(|()| vec![F::word(7.0, 7.0); packed_len::<F>(depth, cols)]);
        let [rows_packed, columns_packed] = &mut memory;
        pack_columns::<F>(columns_packed, &b_transposed, depth);
        pack_rows::<F>(rows_packed, &b, cols);
        let bits = |words| cast_slice::<F::Word, u32>(words).to_vec();
        assert_eq!(bits(rows_packed), bits(columns_packed));
        let packed = Right::panels(rows_packed, F::words(depth));
        let mut out = vec![7.0; rows * cols];
        let mut multiply = |finish| {
            F::multiply(
                &mut out,
                cols,
                F::words(depth),
                Left::rows(&words, stride),
                packed,
                finish,
                Ahead::both(&a, &b),
            );
            out.clone()
        };
        assert_eq!(multiply(Finish::Store), expected);
        let twice: Vec<f32> = expected.iter().map(|value| value * 2.0).collect();
        assert_eq!(multiply(Finish::Add), twice);
        let bias = matrix(1, cols, 1);
        let activated = expected
            .iter()
            .enumerate()
            .map(|(k, v)| (v + bias[k % cols]).clamp(0.0, 0.75));
        let finish = Finish::Activate {
            bias: &bias,
            max: 0.75,
        };
        assert_eq!(multiply(finish), activated.collect::<Vec<_>>());

        // The same from the transpose of `a`, whose sums are over its rows.
        let transposed: Vec<f32> = (0..depth * rows)
            .map(|k| a[k % rows * depth + k / rows])
            .collect();
        let (.., left, left_stride) = lay_out::<F>(&transposed, rows);
        let (.., right, right_stride) = lay_out::<F>(&b, cols);
        let (left, right) = (
            Left::transposed(&left, left_stride),
            Right::rows(&right, right_stride),
        );
        F::multiply(
            &mut out,
            cols,
            F::words(depth),
            left,
            right,
            Finish::Store,
            Ahead::NOTHING,
        );
        assert_eq!(out, expected);
    }
}

#[test]
fn float32_products_are_their_definition() {
    agrees_with_the_definition::<Single>();
}

#[test]
fn bfloat16_products_are_their_definition() {
    if has_bf16_products() {
        agrees_with_the_definition::<Paired>();
    } else {
        let reason = "these instructions do not multiply bfloat16";
        mbn_testing::skip(mbn_testing::Needs::Processor, reason);
    }
}

#[test]
#[should_panic(expected = "last < left.words.len()")]
fn too_few_words_are_noticed() {
    let (left, right) = (Left::rows(&[1.0; 4], 2), Right::rows(&[1.0; 64], 32));
    Single::multiply(&mut [0.0; 6], 2, 2, left, right, Finish::Store, Ahead::NOTHING);
}
