//! Options of an export.

use std::fmt;

use crate::opset::DEFAULT_OPSET;
use crate::proto::DataType;

/// How the graph is written. Input and output stay float32 whatever the precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// Operator set, one of [`OPSETS`](crate::OPSETS). It sets the version of the format.
    pub opset: i64,
    /// Whether batch norm is folded into the convolutions.
    pub fold: bool,
    /// Type of the weights and activations.
    pub precision: Precision,
    /// What the caller passes in.
    pub input: InputKind,
    /// Whether the output is `probabilities` instead of `logits`.
    pub softmax: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            opset: DEFAULT_OPSET,
            fold: true,
            precision: Precision::Fp32,
            input: InputKind::Float,
            softmax: false,
        }
    }
}

/// First operator set in which batch norm's parameters may have another type than its input.
const MIXED_BATCH_NORM: i64 = 15;

impl ExportOptions {
    /// Type of batch norm's parameters if they are not folded: float32 if the operator set allows it, since float16
    /// loses small variances.
    pub(crate) fn batch_norm_precision(&self) -> Precision {
        if self.opset >= MIXED_BATCH_NORM {
            Precision::Fp32
        } else {
            self.precision
        }
    }
}

/// Type of the weights and activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// float32
    Fp32,
    /// float16
    Fp16,
}

impl Precision {
    /// The element type.
    pub fn data_type(self) -> DataType {
        match self {
            Precision::Fp32 => DataType::Float,
            Precision::Fp16 => DataType::Float16,
        }
    }

    /// The largest finite value.
    pub fn max(self) -> f32 {
        match self {
            Precision::Fp32 => f32::MAX,
            Precision::Fp16 => half::f16::MAX.to_f32(),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
        })
    }
}

/// What the caller passes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// float32 `[batch, 3, size, size]`, normalised.
    Float,
    /// uint8 `[batch, size, size, 3]`, RGB pictures as decoders return them; the graph normalises them.
    Uint8,
}
