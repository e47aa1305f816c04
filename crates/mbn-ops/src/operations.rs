//! The public operations: each describes what is asked for and launches it where the tensors are.

pub(crate) mod depthwise;
pub(crate) mod inference;
mod launch;
pub(crate) mod linear;
mod normalization;
mod optim;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod stem;
