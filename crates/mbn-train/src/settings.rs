//! The settings of a run: every option and configuration key that its result depends on.
//!
//! [`table`] has one entry per setting, and the macro in [`define`] turns the entries into types and functions. The other
//! files deal with several settings at once: layers, contradictions, files, the command line.

mod choices;
mod command_line;
mod define;
mod distillation;
pub(crate) mod file;
mod images;
mod layers;
mod named;
mod recipe;
mod resolve;
mod setting;
mod table;
mod values;

pub use choices::{BadImages, ClassWeights, OptimizerName, ResizeName, StepPrecision};
pub use recipe::Recipe;
pub(crate) use resolve::require_utf8;
#[cfg(test)]
pub(crate) use setting::{Group, Setting};
#[cfg(test)]
pub(crate) use table::SETTINGS;
pub use table::{RunArgs, Settings};
pub use values::{
    BLOCKS, BetaParameter, CropScale, Fraction, Freeze, NonNegative, Part, Positive, Probability,
    RandAugment, Size, StartSize, Temperature,
};

/// The folder of the data set, unless the user gives another.
pub(crate) const DEFAULT_DATA: &str = "data/stl10_binary";
