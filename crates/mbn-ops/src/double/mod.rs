//! The same operations in float64 throughout, as plain loops: what every other kernel is to approach, written to be
//! read. Only images are shared among threads; sums over them are added in order.

pub(crate) mod convolution;
pub(crate) mod layer;
pub(crate) mod optim;
mod tensors;

pub(crate) use tensors::{backward, forward, stem_forward, stem_weight_gradient};

use candle_core::{Device, Result, Tensor};

use crate::launch::Reader;

/// A copy of a tensor's values.
pub(crate) fn values(op: &'static str, tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(Reader::new(op, tensor)?.values::<f64>()?.to_vec())
}

/// A tensor of one dimension on the CPU.
fn vector(values: Vec<f64>) -> Result<Tensor> {
    let len = values.len();
    Tensor::from_vec(values, len, &Device::Cpu)
}
