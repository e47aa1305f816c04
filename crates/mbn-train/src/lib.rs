//! Trains MobileNetV1 with candle: from an image folder to a run folder with weights, history and pictures.

mod device;
mod evaluate;
mod feed;
mod history;
mod meter;
mod options;
mod profile;
mod publish;
mod report;
mod resume;
mod run_dir;
mod schedule;
mod settings;
mod trainer;

pub use options::Options;
pub use schedule::Schedule;
pub use settings::{OptimizerName, Precision, Recipe, Settings};

use anyhow::Result;
use mbn_cli::Outcome;

use crate::run_dir::RunDir;
use crate::trainer::Trainer;

/// Runs the program with the given options.
///
/// # Errors
/// Whatever keeps training from starting or going on, with the file concerned and what to do.
pub fn run(options: Options) -> Result<Outcome> {
    mbn_cli::interrupt::install()?;
    device::check_options(options.common.device, options.precision)?;
    let device = device::open(options.common.device)?;
    if options.profile {
        profile::run(&options, &device)?;
        return Ok(Outcome::Success);
    }
    let mut trainer = match &options.resume {
        Some(folder) => Trainer::resume(RunDir::open(folder)?, &options, &device)?,
        None => Trainer::start(options.settings()?, &options, &device)?,
    };
    let outcome = trainer.train()?;
    if outcome == Outcome::Success {
        trainer.finish(&options)?;
    }
    Ok(outcome)
}
