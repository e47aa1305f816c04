//! What the workspace's tests share: comparison of float tensors, reference data, skipping, and Python's checks.

mod allclose;
mod projections;
mod python;
mod reference;
mod skip;

pub use allclose::{Closeness, Float, Tolerance, assert_close, mismatch};
pub use projections::{PROJECTIONS, projections};
pub use python::Python;
pub use reference::{Tensors, reference_path};
pub use skip::{Needs, skip};
