//! Trains MobileNetV1 with candle: from a data set to a run folder with weights, history and pictures.

mod bar;
mod choices;
mod config;
mod dataset;
mod device;
mod download;
mod evaluate;
mod feed;
mod history;
mod machine;
mod meter;
mod options;
mod profile;
mod publish;
mod recipe;
mod report;
mod resume;
mod run_args;
mod run_dir;
mod schedule;
mod settings;
mod starting;
mod table;
mod trainer;
mod values;

pub use choices::{ClassWeights, OptimizerName, Precision, ResizeName};
pub use options::{Command, Options};
pub use recipe::Recipe;
pub use run_args::RunArgs;
pub use schedule::Schedule;
pub use settings::Settings;
pub use values::{
    BLOCKS, BetaParameter, CropScale, Fraction, Freeze, NonNegative, Positive, Probability, RandAugment,
    Size, StartSize,
};

use anyhow::Result;
use mbn_cli::Outcome;

use crate::run_dir::RunDir;
use crate::trainer::Trainer;

/// Runs the program with the given options.
///
/// # Errors
/// Whatever keeps training from starting or going on, with the file concerned and what to do.
pub fn run(options: Options) -> Result<Outcome> {
    if let Some(Command::Report { runs }) = &options.command {
        return table::print(runs);
    }
    mbn_cli::interrupt::install()?;
    device::check_options(options.device.device, options.run.precision)?;
    let device = device::open(options.device.device)?;
    if options.profile {
        profile::run(&options, &device)?;
        return Ok(Outcome::Success);
    }
    if options.download {
        // Gigabytes take longer than finding that they would be of no use.
        Trainer::check(&options, &device)?;
        if !download::run(&options)? {
            return Ok(Outcome::Interrupted);
        }
    }
    let mut trainer = match &options.resume {
        Some(folder) => Trainer::resume(RunDir::open(folder)?, &options, &device)?,
        None => Trainer::start(&options, &device)?,
    };
    let outcome = trainer.train()?;
    if outcome == Outcome::Success {
        trainer.finish()?;
    }
    Ok(outcome)
}
