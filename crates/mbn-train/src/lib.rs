//! Trains MobileNetV1 with candle: from a data set to a run folder with weights, history and pictures.

mod config;
mod dataset;
mod evaluate;
mod history;
mod options;
mod profile;
mod publish;
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

pub use options::{Command, Options};
pub use run_args::RunArgs;
pub use schedule::Schedule;
pub use settings::{ClassWeights, OptimizerName, Precision, Recipe, Settings};
pub use values::{
    BLOCKS, BetaParameter, CropScale, Fraction, Freeze, NonNegative, Positive, Probability, RandAugment,
};

use anyhow::Result;
use mbn_cli::{DeviceChoice, Hint, Outcome};

use crate::run_dir::RunDir;
use crate::trainer::Trainer;

/// Runs the program with the given options.
///
/// # Errors
/// Whatever keeps training from starting or going on, with the file concerned and what to do.
pub fn run(options: Options) -> Result<Outcome> {
    if let Some(Command::Report { runs }) = &options.command {
        table::print(runs)?;
        return Ok(Outcome::Success);
    }
    mbn_cli::interrupt::install()?;
    choose_device(options.common.device)?;
    if options.profile {
        profile::run(&options)?;
        return Ok(Outcome::Success);
    }
    let mut trainer = match &options.resume {
        Some(folder) => Trainer::resume(RunDir::open(folder)?, &options)?,
        None => Trainer::start(&options)?,
    };
    let outcome = trainer.train()?;
    if outcome == Outcome::Success {
        trainer.finish(&options)?;
    }
    Ok(outcome)
}

/// This build trains on the CPU.
fn choose_device(choice: DeviceChoice) -> Result<()> {
    match choice {
        DeviceChoice::Cpu => Ok(()),
        DeviceChoice::Auto => {
            log::info!("Training on the CPU: this build has no CUDA support");
            Ok(())
        }
        DeviceChoice::Cuda(_) => Err(anyhow::anyhow!(
            "`--device {choice}`: this build has no CUDA support"
        ))
        .hint(|| "train on the CPU with `--device cpu`".to_owned()),
    }
}
