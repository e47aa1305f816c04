//! ONNX models of MobileNetV1: written from weights, checked, and read back.
//!
//! ```
//! # fn f(weights: mbn_weights::Weights) -> Result<(), Box<dyn std::error::Error>> {
//! use mbn_onnx::{ExportOptions, Model, checker, export};
//!
//! let model = export(&weights, &ExportOptions::default())?;
//! let bytes = model.to_bytes();
//!
//! let read = Model::from_bytes(&bytes)?;
//! let report = checker::check(&read)?;
//! assert_eq!(report.outputs[0].0, "logits");
//! assert_eq!(read.to_folded()?, weights.fold());
//! # Ok(())
//! # }
//! ```
//!
//! To add an operation: its nodes go into `network`, its constants into `constants`, and the type of its result into
//! `checker/infer`. `read_back` compares a file with what `network` and `constants` write, so it needs no change.
//! To add a precision: an entry in [`Precision`], its element type in [`proto::DataType`], and how
//! [`GraphBuilder::initializer`](builder::GraphBuilder::initializer) rounds to it.

pub mod builder;
mod check_error;
pub mod checker;
mod constants;
mod error;
mod export;
#[cfg(test)]
mod fixtures;
pub mod foreign;
mod limits;
mod model;
mod names;
mod network;
mod opset;
mod options;
pub mod proto;
mod quantized;
mod read_back;
mod stored;
mod structure;
mod types;

pub use error::ExportError;
pub use export::{Exporter, export};
pub use limits::TooLarge;
pub use model::{Model, ModelError, ModelErrorKind, RESIZE_INSIDE};
pub use names::{BATCH, FEATURES, HEIGHT, INPUT, LOGITS, PROBABILITIES, WIDTH};
pub use opset::{ANTIALIASED_RESIZE, DEFAULT_OPSET, OPSETS, OpsetError, ir_version};
pub use options::{ExportOptions, InputKind, InputSize, OptionsError, Precision};
pub use read_back::Written;
pub use stored::FoldedError;
pub use structure::{External, Structure, structure};
pub use types::{Dim, TensorType, TypeError};
