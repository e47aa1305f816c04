//! Trained tensors and how the specification's geometry maps to the operations'.

use candle_core::{Result, Tensor, Var, bail};
use mbn_ops::Conv3x3;
use mbn_spec::{ConvLayer, TensorKind, Variant};

/// A trained tensor with its name in the weight file.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// PyTorch's name.
    pub name: String,
    /// Weight, or batch norm's parameters and biases.
    pub kind: TensorKind,
    /// The values.
    pub var: Var,
}

impl Parameter {
    /// The values as a tensor that takes part in differentiation.
    pub fn tensor(&self) -> &Tensor {
        self.var.as_tensor()
    }
}

/// Stride and padding of a 3x3 layer for an input of this height and width.
///
/// # Errors
/// If rows and columns need another padding, which the operations do not have.
pub fn conv3x3(layer: &ConvLayer, variant: &Variant, [height, width]: [usize; 2]) -> Result<Conv3x3> {
    let padding = layer.padding(variant, height);
    if padding != layer.padding(variant, width) {
        bail!(
            "the padding of {height} rows and {width} columns differs, and only equal ones can be computed"
        );
    }
    Ok(Conv3x3 {
        stride: layer.stride,
        pad_begin: padding.begin,
        pad_end: padding.end,
    })
}
