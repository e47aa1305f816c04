//! The operations with their operands checked, and the CPU's side of each. `cuda` adds the GPU's side.

pub(crate) mod depthwise;
pub(crate) mod inference;
pub(crate) mod kernel;
pub(crate) mod linear;
pub(crate) mod loss;
pub(crate) mod normalization;
pub(crate) mod optim;
pub(crate) mod pointwise;
pub(crate) mod pool;
mod readers;
pub(crate) mod stem;
