//! Whether the operands of the classifier fit.

use candle_core::{Result, Tensor};

use crate::operands::checks::expect_floats;

pub(crate) const NAME: &str = "linear";

/// Rows, features and classes of the forward pass; an error unless its operands fit.
pub(crate) fn forward(features: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<[usize; 3]> {
    let [n, c, k] = extent(features, weight)?;
    expect_floats(NAME, &[("bias", bias)], &[k])?;
    Ok([n, c, k])
}

/// Rows, features and classes of the backward pass; an error unless its operands fit.
pub(crate) fn backward(gradient: &Tensor, features: &Tensor, weight: &Tensor) -> Result<[usize; 3]> {
    let [n, c, k] = extent(features, weight)?;
    expect_floats(NAME, &[("the result's gradient", gradient)], &[n, k])?;
    Ok([n, c, k])
}

fn extent(features: &Tensor, weight: &Tensor) -> Result<[usize; 3]> {
    let ((n, c), (k, _)) = (features.dims2()?, weight.dims2()?);
    expect_floats(NAME, &[("the features", features)], &[n, c])?;
    expect_floats(NAME, &[("weight", weight)], &[k, c])?;
    Ok([n, c, k])
}
