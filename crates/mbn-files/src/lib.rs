//! Files, whatever is in them: reading one whole under a limit, and replacing one atomically.

pub mod atomic;
mod output;
pub mod whole_file;

pub use output::OutputKind;
