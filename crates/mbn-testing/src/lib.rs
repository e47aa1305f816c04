//! What the workspace's tests share: comparison of float tensors, and the reference tensors where they are.

mod allclose;
mod python;
mod reference;

pub use allclose::{Float, Tolerance, assert_close, mismatch};
pub use python::Python;
pub use reference::{Tensors, reference_dir, shared_dir};
