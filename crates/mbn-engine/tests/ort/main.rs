//! The engine on ONNX Runtime, where `make onnxruntime` got it: files that `mbn-onnx` writes, and files that are
//! not classifiers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bound;
mod common;
mod files;
mod graph;
mod logits;
mod placement;
mod resized;
