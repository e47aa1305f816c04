//! The classifier, in float32.

use candle_core::Result;

use super::batch_norm::column_sums;
use super::columns::bias;
use super::stream::{ElementType, Matrix, Pointer, Product, Stream};

/// Rows, features and classes.
type Extent = [usize; 3];

/// `logits = features weight^T + bias`: `[n, c]`, `[k, c]`, `[k]` to `[n, k]`.
///
/// # Errors
/// If the stream fails.
pub fn linear(
    stream: &impl Stream,
    [n, c, k]: Extent,
    features: Pointer,
    [weight, bias_vector]: [Pointer; 2],
    logits: Pointer,
) -> Result<()> {
    stream.product(&Product {
        left: Matrix::stored(features, c),
        right: Matrix::transposed(weight, c),
        out: logits,
        m: n,
        n: k,
        k: c,
        element: ElementType::F32,
        out_element: ElementType::F32,
    })?;
    let unbounded = [f32::NEG_INFINITY, f32::INFINITY];
    bias(stream, ElementType::F32, [n, k], logits, bias_vector, unbounded)
}

/// Gradients of [`linear`], given the logits' gradient: writes the gradients of the features `[n, c]`, of the weight
/// `[k, c]` and of the bias `[k]`.
///
/// # Errors
/// If the stream fails.
pub fn linear_backward(
    stream: &impl Stream,
    [n, c, k]: Extent,
    gradient: Pointer,
    features: Pointer,
    weight: Pointer,
    [of_features, of_weight, of_bias]: [Pointer; 3],
) -> Result<()> {
    let element = ElementType::F32;
    stream.product(&Product {
        left: Matrix::transposed(gradient, k),
        right: Matrix::stored(features, c),
        out: of_weight,
        m: k,
        n: c,
        k: n,
        element,
        out_element: element,
    })?;
    stream.product(&Product {
        left: Matrix::stored(gradient, k),
        right: Matrix::stored(weight, c),
        out: of_features,
        m: n,
        n: c,
        k,
        element,
        out_element: element,
    })?;
    column_sums(stream, [n, k], gradient, of_bias)
}
