//! What the graph of a classifier shows that any tool may have written: what makes its outputs, the layout of its input and
//! what it normalises itself; and the metadata that other tools write.

mod external;
mod functions;
mod heads;
mod layout;
pub mod python;
mod range;
pub mod ultralytics;

pub use external::{DataError, external_files, with_data_inside};
pub use heads::{Ending, Heads, Reordered};
pub use layout::Layout;
pub use range::ChannelRange;
