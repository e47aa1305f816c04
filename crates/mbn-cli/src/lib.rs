//! What `mbn-train`, `mbn-export` and `mbn-infer` share: common options, logging to stderr, exit codes,
//! interruption, progress bars, files of class names, checks of outputs, quoted commands.
//!
//! A program's `main` is one call of [`run`] with a function from its options to an [`Outcome`].

mod class_names;
mod common;
mod device;
mod hint;
pub mod interrupt;
mod logging;
pub mod onnx_runtime;
mod output;
pub mod progress;
mod run;
mod shell;

pub use class_names::read_class_names;
pub use common::{CommonArgs, DeviceArgs};
pub use device::{DeviceChoice, OpenedDevice, ParseDeviceError};
pub use hint::{Hint, Hinted};
pub use output::{check_output, check_output_file};
pub use run::{Outcome, UsageError, run};
pub use shell::quote;
