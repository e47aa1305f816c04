//! What the workspace's tests share: comparison of float tensors, the operations in float64, reference data, skipping,
//! counting threads, weight files to change, combinations of options, processes of MPI, a stand-in for NCCL, and Python's checks.

mod allclose;
pub mod float64;
mod mpirun;
mod nccl;
mod pairwise;
mod projections;
mod python;
mod reference;
mod skip;
mod threads;
mod turn;
mod weight_file;

pub use allclose::{Closeness, Float, Tolerance, assert_close, mismatch};
pub use mpirun::mpirun;
pub use nccl::nccl;
pub use pairwise::pairwise;
pub use projections::{PROJECTIONS, projections, uniform};
pub use python::Python;
pub use reference::{Tensors, reference_path};
pub use skip::{Needs, skip};
pub use threads::{expect_threads, most_threads};
pub use turn::{Turn, Turns};
pub use weight_file::{StoredTensors, save_tensors, stored_tensors};
