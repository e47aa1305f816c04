//! Every operation against that of the CPU, through an emulation of a GPU that runs the kernels' sources.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod emulation;
mod faults;
mod library;
