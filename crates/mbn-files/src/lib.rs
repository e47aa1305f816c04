//! Files, whatever they hold: reading one whole under a limit, replacing one atomically, and checking before the
//! work begins that an output can be written.

pub mod atomic;
mod output;
pub mod whole_file;

pub use output::{Folders, OutputError, OutputKind, OutputProblem, check_output, check_output_file};
