//! The operations.

use crate::CollectivesError;

/// One of several processes, the ranks, that work together. Every rank must call the same operations in the same order, with
/// slices of the same length: an operation returns when all ranks have called it.
pub trait Collectives {
    /// The number of this process, from 0 on.
    fn rank(&self) -> usize;

    /// Number of processes.
    fn size(&self) -> usize;

    /// The machine that this process runs on, as its users call it.
    fn host(&self) -> &str;

    /// What the operations are done with, for messages, such as a library and its version.
    fn describe(&self) -> String;

    /// Replaces `values` by their sums over all ranks, which are the same bit for bit on all of them.
    ///
    /// # Errors
    /// If the processes cannot reach each other.
    fn sum(&self, values: &mut [f32]) -> Result<(), CollectivesError>;

    /// As [`Collectives::sum`], for few values that need more digits, such as counts.
    ///
    /// # Errors
    /// As [`Collectives::sum`].
    fn sum_f64(&self, values: &mut [f64]) -> Result<(), CollectivesError>;

    /// Replaces `bytes` by those of the rank `root`.
    ///
    /// # Errors
    /// As [`Collectives::sum`].
    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), CollectivesError>;

    /// Returns when all ranks have called it.
    ///
    /// # Errors
    /// As [`Collectives::sum`].
    fn barrier(&self) -> Result<(), CollectivesError>;

    /// Says that this rank will call no more operations. Returns when all ranks have said so.
    ///
    /// # Errors
    /// As [`Collectives::sum`].
    fn leave(self: Box<Self>) -> Result<(), CollectivesError>;

    /// Ends all ranks, whatever they are doing.
    fn abort(&self, code: i32);
}
