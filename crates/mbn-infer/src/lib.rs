//! Classifies images through ONNX Runtime, checked against candle.
//!
//! [`runtime::find`] loads ONNX Runtime's library, [`engine`] runs networks through it or through candle.

pub mod engine;
pub mod runtime;
