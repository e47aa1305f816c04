//! Classifies images through ONNX Runtime, checked against candle.
//!
//! [`runtime::find`] loads ONNX Runtime's library, [`engine`] runs networks through it or through candle. [`run`]
//! is the program: [`setup`] puts together model, engine and check, [`pipeline`] decodes ahead of the engine,
//! [`output`] prints what it found.

pub mod builtin;
pub mod cuda;
pub mod engine;
pub mod inputs;
pub mod lanes;
pub mod model;
pub mod options;
pub mod output;
pub mod parity;
pub mod pipeline;
pub mod predictions;
pub mod reference;
pub mod report;
mod run;
pub mod runtime;
pub mod setup;

pub use run::run;
