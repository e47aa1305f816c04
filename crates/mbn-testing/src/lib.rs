//! What the workspace's tests share: comparison of float tensors, the operations in float64, and the reference tensors.

mod allclose;
pub mod float64;
mod python;
mod reference;
mod turn;

pub use allclose::{Closeness, Float, Tolerance, assert_close, mismatch};
pub use python::Python;
pub use reference::{Tensors, reference_dir, shared_dir};
pub use turn::{Turn, Turns};

/// Says on stderr that `test` is skipped and why, as a line `skipped: TEST: REASON`, also where the harness keeps what
/// tests print to itself.
pub fn skipped(test: &str, reason: &str) {
    use std::io::Write;
    // The harness captures what the print macros write, and nothing else. It may have begun a line of its own.
    let line = format!("\nskipped: {test}: {reason}\n");
    // Where stderr is closed, nobody listens.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
