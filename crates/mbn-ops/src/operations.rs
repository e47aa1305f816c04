//! The public operations: each describes what is asked for and launches it where the tensors are.

pub(crate) mod depthwise;
pub(crate) mod inference;
mod launch;
pub(crate) mod linear;
pub(crate) mod loss;
mod normalization;
pub(crate) mod optim;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod ranks;
pub(crate) mod stem;
