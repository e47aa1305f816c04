//! A batch in, logits out: engines that run a MobileNetV1, and the comparison of one with another.
//!
//! [`runtime::find`] loads ONNX Runtime's library. [`engine`] runs networks through it or through candle,
//! [`lanes`] keeps several engines busy at once, and [`parity`] compares their outputs with candle's.

pub mod cuda;
mod cuda_network;
pub mod engine;
mod error;
mod graph_session;
pub mod images;
pub mod lanes;
pub mod parity;
pub mod placement;
pub mod precision;
mod python;
pub mod runtime;
pub mod softmax;

pub use cuda_network::CudaNetwork;
pub use error::EngineError;
pub use graph_session::{ElementKind, Elements, Feed, GraphInput, GraphSession, Output};
