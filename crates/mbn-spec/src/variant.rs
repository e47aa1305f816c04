//! The points in which published MobileNetV1 definitions differ.

use serde::{Deserialize, Serialize};

/// The nonlinearity after every batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(0, x)`
    Relu,
    /// `min(max(0, x), 6)`
    Relu6,
}

impl Activation {
    /// The largest value that it returns.
    pub fn max(self) -> f32 {
        match self {
            Activation::Relu => f32::INFINITY,
            Activation::Relu6 => 6.0,
        }
    }
}

/// Where the 3x3 convolutions of stride 2 are padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stride2Padding {
    /// One row and column on each side, as PyTorch does.
    Symmetric,
    /// One row at the bottom and one column at the right only, as Keras does.
    End,
    /// TensorFlow's "SAME": as [`Stride2Padding::End`] where the input has an even size, and as
    /// [`Stride2Padding::Symmetric`] where it is odd. The output has half the size, rounded up.
    Same,
}

/// An epsilon that batch norm cannot add to a variance.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("`batch_norm_epsilon` is {0}, expected a number from 0 on")]
pub struct VariantError(f64);

/// The points in which published MobileNetV1 definitions differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Activation after every batch norm.
    pub activation: Activation,
    /// Added to the variance before the square root.
    pub batch_norm_epsilon: f64,
    /// Padding of the stride-2 convolutions.
    pub stride2_padding: Stride2Padding,
}

impl Variant {
    /// PyTorch's: ReLU, epsilon 1e-5, symmetric padding.
    pub const PYTORCH: Self = Self {
        activation: Activation::Relu,
        batch_norm_epsilon: 1e-5,
        stride2_padding: Stride2Padding::Symmetric,
    };

    /// Refuses an epsilon with which batch norm cannot be computed.
    ///
    /// # Errors
    /// [`VariantError`] if it is negative or not finite.
    pub fn validate(&self) -> Result<(), VariantError> {
        let epsilon = self.batch_norm_epsilon;
        match epsilon.is_finite() && epsilon >= 0.0 {
            true => Ok(()),
            false => Err(VariantError(epsilon)),
        }
    }
}

impl Default for Variant {
    /// [`Variant::PYTORCH`].
    fn default() -> Self {
        Self::PYTORCH
    }
}
