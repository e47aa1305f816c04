//! MobileNetV1 in candle: training and inference networks, initial weights, losses, distillation, optimisers and the meter
//! of their steps.
//!
//! [`Network`] trains and evaluates with batch norm as layers of its own; [`InferenceNetwork`] runs the
//! folded network, and [`QuantizedNetwork`] one on bytes, exactly as engines on integers do. All are built from
//! [`mbn_spec`]'s layer list and take images as `[N, 3, H, W]`.

mod average;
mod buffers;
mod distillation;
mod first_class;
mod inference;
mod init;
mod layer;
mod loss;
mod meter;
mod network;
mod optimizer;
mod parameters;
mod pass;
mod profile;
mod quantized;
mod resample;
mod teacher;

pub use average::WeightAverage;
pub use distillation::Distillation;
pub use first_class::{first_class, score_order};
pub use inference::InferenceNetwork;
pub use init::{fresh_weights, random_weights};
pub use loss::{cross_entropy, relative_weights, scores, soft_cross_entropy};
pub use mbn_ops::{CrossEntropy, Scores, SumOverRanks};
pub use meter::{Meter, Reading};
pub use network::{ActivationType, LayerRange, Network, Observed, Ranges, RunningStatistics, SharedBatch};
pub use optimizer::{Decayed, Optimizer, OptimizerKind, OptimizerState};
pub use parameters::{Parameter, conv3x3};
pub use pass::{Gradients, Pass};
pub use profile::{Phase, Profile};
pub use quantized::{Bias, QuantizedNetwork, Sums, Values};
pub use teacher::Teacher;
