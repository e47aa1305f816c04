//! Trains MobileNetV1 with candle: from a data set to a run folder with weights, history and pictures.
//!
//! [`Options`] is the command line; `settings/table.rs` lists its settings. `trainer` runs the epochs on the batches of
//! `data`, and `run` writes the results to disk.

mod data;
mod device;
mod options;
mod profile;
mod report;
mod run;
mod settings;
mod trainer;

pub use options::{Command, Options};
pub use settings::{
    BLOCKS, BadImages, BetaParameter, ClassWeights, CropScale, Fraction, Freeze, NonNegative, OptimizerName,
    Part, Positive, Probability, RandAugment, Recipe, ResizeName, RunArgs, Settings, Size, StartSize,
    StepPrecision,
};
pub use trainer::Schedule;

use anyhow::Result;
use mbn_cli::Outcome;

use crate::data::download;
use crate::run::RunDir;
use crate::trainer::Trainer;

/// Runs the program with the given options.
///
/// # Errors
/// Why training cannot start or continue, with the file concerned and what to do.
pub fn run(options: Options) -> Result<Outcome> {
    if let Some(Command::Report { runs }) = &options.command {
        return report::print(runs);
    }
    options.check_resume()?;
    mbn_cli::start_threads(options.common.thread_count())?;
    mbn_cli::interrupt::install()?;
    device::check_options(options.device.device, options.run.precision)?;
    let device = device::open(options.device.device)?;
    if options.profile {
        profile::run(&options, &device)?;
        return Ok(Outcome::Success);
    }
    if options.download {
        // Refuse what cannot be trained before gigabytes are downloaded.
        Trainer::check(&options, &device)?;
        if !download::run(&options)? {
            return Ok(Outcome::Interrupted);
        }
    }
    let mut trainer = match &options.resume {
        Some(folder) => Trainer::resume(RunDir::open(folder)?, &options, &device)?,
        None => match Trainer::start(&options, &device)? {
            Some(trainer) => trainer,
            None => {
                log::warn!("interrupted before the first step; there is nothing to resume");
                return Ok(Outcome::Interrupted);
            }
        },
    };
    let outcome = trainer.train()?;
    if outcome == Outcome::Success {
        trainer.finish()?;
    }
    Ok(outcome)
}
