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

pub mod builder;
pub mod checker;
mod constants;
mod export;
mod folded;
mod model;
mod network;
mod opset;
mod options;
pub mod proto;
mod types;

pub use export::{ExportError, export};
pub use folded::FoldedError;
pub use model::{Model, ModelError, ModelErrorKind};
pub use network::{BATCH, INPUT, LOGITS, PROBABILITIES};
pub use opset::{DEFAULT_OPSET, OPSETS, OpsetError, ir_version};
pub use options::{ExportOptions, InputKind, Precision};
pub use types::{Dim, TensorType, TypeError};

#[cfg(test)]
#[path = "../tests/fixtures/mod.rs"]
mod fixtures;
