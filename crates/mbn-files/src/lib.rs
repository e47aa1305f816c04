//! Files, whatever they hold: reads a whole file under a limit, replaces a file atomically, and checks that an output
//! can be written before a program starts the work that makes it.

pub mod atomic;
mod output;
pub mod whole_file;

pub use output::{Folders, OutputError, OutputKind, OutputProblem, check_output, check_output_file};
