//! Model repositories of Triton Inference Server: a folder `NAME` with a configuration, the class names, and a folder for each
//! version with its model.

mod config;
mod labels;
mod name;
mod pbtxt;
mod repository;
mod staged;

pub use name::ModelName;
pub use repository::{Entry, check_out};
pub use staged::StagedEntry;
