//! What the processes of a data-parallel run say to each other.
//!
//! [`Collectives`] has the few operations that training needs. [`join`] gives those of MPI, whose library it loads at run time,
//! so that one build runs under any MPI and needs none: Open MPI 4 and 5, MPICH and those compatible with it, such as Intel's
//! and Cray's, and libraries with the standard ABI of MPI 5.0. [`threads`] gives a stand-in for tests, whose ranks are threads.
//!
//! [`Nccl`] adds up what lies on several GPUs; its library is loaded at run time too, and its ranks need others' means to find
//! each other.
//!
//! A launcher, such as `mpirun` or `srun`, numbers the processes. A library that does not belong to it would make each process a
//! run of its own without an error; [`join`] refuses that.

mod collectives;
mod error;
mod launcher;
mod library;
mod mpi;
mod nccl;
mod search;
mod threads;

pub use collectives::Collectives;
pub use error::CollectivesError;
pub use launcher::launched;
pub use mpi::join;
pub use nccl::{Nccl, NcclId, NcclRank};
pub use threads::{ThreadRank, threads};
