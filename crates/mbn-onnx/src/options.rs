//! Options of an export.

use std::fmt;

use mbn_spec::{Architecture, Interpolation, LayerSet, Preprocess};
use mbn_weights::keeps_bytes;

use crate::opset::{ANTIALIASED_RESIZE, DEFAULT_OPSET, OpsetError, SCALE_PER_CHANNEL, ir_version};
use crate::proto::DataType;

/// How the graph is written. Outputs are float32 whatever the precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// Operator set, one of [`OPSETS`](crate::OPSETS). It sets the version of the format.
    pub opset: i64,
    /// Whether batch norm is folded into the convolutions.
    pub fold: bool,
    /// Type of the weights and activations.
    pub precision: Precision,
    /// Layers that stay float32 where the precision is [`Precision::Int8`].
    pub keep_float: LayerSet,
    /// What the caller passes in.
    pub input: InputKind,
    /// Height and width of what the caller passes in.
    pub size: InputSize,
    /// Number of images that the graph takes at once; any if it is `None`.
    pub batch: Option<usize>,
    /// Whether the graph gives `probabilities` beside the `logits`.
    pub softmax: bool,
    /// Whether the graph gives `features`, the classifier's input, beside the `logits`. Weights in 8 bits must not have scaled their
    /// channels: an export refuses those whose classifier undoes it.
    pub features: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            opset: DEFAULT_OPSET,
            fold: true,
            precision: Precision::Fp32,
            keep_float: LayerSet::NONE,
            input: InputKind::Float,
            size: InputSize::Fixed,
            batch: None,
            softmax: false,
            features: false,
        }
    }
}

/// Options that no graph can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The operator set is not supported.
    #[error(transparent)]
    Opset(#[from] OpsetError),
    /// The operator set cannot resize as the preprocessing does.
    #[error(
        "opset {found} has no antialiased `Resize`, with which the graph would resize pictures; opset {ANTIALIASED_RESIZE} is the first that has"
    )]
    ResizeOpset {
        /// The operator set asked for.
        found: i64,
    },
    /// The operator sets have no such filter, or compute it otherwise.
    #[error(
        "a graph resizes pictures with the filter `bilinear` or `bicubic`, not with the weights' `{0}`: export it without the \
         resizing, and resize before"
    )]
    ResizeFilter(Interpolation),
    /// Normalised values would be resized.
    #[error("a graph that resizes takes pictures of bytes, not normalised floats")]
    ResizeFloat,
    /// Bytes round what batch norm would still scale.
    #[error("int8 needs batch norm folded into the convolutions")]
    UnfoldedBytes,
    /// The operator set cannot scale each channel of bytes.
    #[error(
        "opset {found} has no scale for each channel, which int8 needs; opset {SCALE_PER_CHANNEL} is the first that has"
    )]
    BytesOpset {
        /// The operator set asked for.
        found: i64,
    },
    /// Layers stay float32 where all are.
    #[error("only an int8 graph has layers that stay float32")]
    FloatLayers,
    /// A batch of no image.
    #[error("a batch of 0 images is no batch")]
    NoBatch,
}

/// First operator set in which batch norm's parameters may have another type than its input.
const MIXED_BATCH_NORM: i64 = 15;

impl ExportOptions {
    /// Refuses pictures that no graph can resize as the preprocessing says.
    ///
    /// # Errors
    /// [`OptionsError::ResizeFilter`].
    pub fn validate_for(&self, preprocess: &Preprocess) -> Result<(), OptionsError> {
        match preprocess.interpolation {
            Interpolation::Bilinear | Interpolation::Bicubic => Ok(()),
            _ if self.size != InputSize::Resized => Ok(()),
            filter => Err(OptionsError::ResizeFilter(filter)),
        }
    }

    /// Refuses options that no graph can follow.
    ///
    /// # Errors
    /// [`OptionsError`] for the first contradiction.
    pub fn validate(&self) -> Result<(), OptionsError> {
        ir_version(self.opset)?;
        if self.size == InputSize::Resized {
            if self.input == InputKind::Float {
                return Err(OptionsError::ResizeFloat);
            }
            if self.opset < ANTIALIASED_RESIZE {
                return Err(OptionsError::ResizeOpset { found: self.opset });
            }
        }
        match self.precision {
            Precision::Int8 if !self.fold => return Err(OptionsError::UnfoldedBytes),
            Precision::Int8 if self.opset < SCALE_PER_CHANNEL => {
                return Err(OptionsError::BytesOpset { found: self.opset });
            }
            Precision::Int8 => {}
            _ if !self.keep_float.is_empty() => return Err(OptionsError::FloatLayers),
            _ => {}
        }
        match self.batch {
            Some(0) => Err(OptionsError::NoBatch),
            _ => Ok(()),
        }
    }

    /// Whether a layer computes on bytes.
    pub(crate) fn on_bytes(&self, layer: usize) -> bool {
        self.precision == Precision::Int8 && !self.keep_float.contains(layer)
    }

    /// Whether the value after a convolution is kept as bytes.
    pub(crate) fn keeps_bytes(&self, architecture: &Architecture, conv: usize) -> bool {
        self.precision == Precision::Int8 && keeps_bytes(architecture, self.keep_float, conv)
    }

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
    /// Weights of signed bytes, values of unsigned bytes.
    Int8,
}

impl Precision {
    /// The element type of weights.
    pub fn data_type(self) -> DataType {
        match self {
            Precision::Fp32 => DataType::Float,
            Precision::Fp16 => DataType::Float16,
            Precision::Int8 => DataType::Int8,
        }
    }

    /// The largest finite value.
    pub fn max(self) -> f32 {
        match self {
            Precision::Fp32 | Precision::Int8 => f32::MAX,
            Precision::Fp16 => half::f16::MAX.to_f32(),
        }
    }

    /// The smallest positive value that keeps all digits.
    pub fn smallest_normal(self) -> f32 {
        match self {
            Precision::Fp32 | Precision::Int8 => f32::MIN_POSITIVE,
            Precision::Fp16 => half::f16::MIN_POSITIVE.to_f32(),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
            Precision::Int8 => "int8",
        })
    }
}

/// What the caller passes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// float32 `[batch, 3, height, width]`, normalised.
    Float,
    /// uint8 `[batch, height, width, 3]`, RGB pictures as decoders return them; the graph normalises them.
    Uint8,
}

/// Height and width of what the caller passes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputSize {
    /// Those of the weights' preprocessing.
    Fixed,
    /// Any: the network computes on as many pixels as it gets.
    Any,
    /// Any: the graph first resizes, and crops, as the weights' preprocessing says.
    Resized,
}
