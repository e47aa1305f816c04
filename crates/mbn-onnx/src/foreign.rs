//! What the graph of a classifier shows that any tool may have written: what makes its outputs, the layout of its input, and
//! the metadata that other tools write.

mod external;
mod functions;
mod heads;
mod layout;
pub mod python;
pub mod ultralytics;

pub use external::external_files;
pub use heads::{Ending, Heads};
pub use layout::Layout;
