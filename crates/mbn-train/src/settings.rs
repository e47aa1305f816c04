//! The settings of a run: every option and configuration key that its result depends on.

mod choices;
pub(crate) mod file;
mod recipe;
mod resolve;
mod run_args;
mod values;

pub use choices::{ClassWeights, OptimizerName, Precision, ResizeName};
pub use recipe::Recipe;
pub use resolve::Settings;
pub(crate) use resolve::require_utf8;
pub use run_args::RunArgs;
pub use values::{
    BLOCKS, BetaParameter, CropScale, Fraction, Freeze, NonNegative, Positive, Probability, RandAugment,
    Size, StartSize,
};
