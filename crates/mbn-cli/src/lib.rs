//! What `mbn-train`, `mbn-export` and `mbn-infer` share: common options, logging to stderr, exit codes,
//! interruption, progress bars, files of class names, places for output, advised commands.
//!
//! A program's `main` is one call of [`run`] with a function from its options to an [`Outcome`].

mod class_names;
mod common;
mod device;
mod hint;
pub mod interrupt;
mod logging;
mod output;
pub mod progress;
mod run;
mod shell;

pub use class_names::read_class_names;
pub use common::CommonArgs;
pub use device::{DeviceChoice, OpenedDevice, ParseDeviceError};
pub use hint::{Hint, Hinted};
pub use output::check_output;
pub use run::{Outcome, UsageError, run};
pub use shell::quote;
