//! Every launch decision of `mbn_ops::kernels` against the CPU's operations, through an emulation of a GPU that runs the
//! kernels' own sources.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod emulation;
