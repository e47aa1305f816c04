//! Every operation against that of the CPU, through an emulation of a GPU that runs the kernels' sources.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../tests/common/mod.rs"]
mod common;
mod convolutions;
mod emulation;
mod faults;
mod image;
mod inference;
mod library;
mod loss;
mod optim;
mod pool;
mod support;
