//! What the graph of a classifier shows that any tool may have written: what makes its outputs, the layout of its input,
//! what it normalises itself, and what makes a picture depend on others; and the metadata that other tools write.

mod attributes;
pub(crate) mod calls;
mod constants;
mod dictionary;
mod external;
mod functions;
mod heads;
pub mod image;
mod inlined;
mod layout;
mod live;
mod normalisation;
mod over_batch;
mod picture_input;
pub mod python;
#[cfg(test)]
mod test_models;
mod training;
pub mod ultralytics;

pub use calls::CallError;
pub use dictionary::Dictionary;
pub use external::{DataError, external_files, with_data_inside};
pub use heads::{Ending, Heads, Pooled, Reordered};
pub use layout::Layout;
pub use normalisation::{ChannelRange, Normalisation, Unread};
pub use over_batch::{is_scaled_by_batch, may_pool_padding, node_over_batch};
pub use picture_input::{ChannelAxis, PictureInput};
pub use training::{Effect, TrainingMode};
