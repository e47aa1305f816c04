//! Trains MobileNetV1 with candle: from an image folder to a run folder with weights, history and pictures.

mod evaluate;
mod history;
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
use mbn_cli::{DeviceChoice, Hint, Outcome};

use crate::run_dir::RunDir;
use crate::trainer::Trainer;

/// Runs the program with the given options.
///
/// # Errors
/// Whatever keeps training from starting or going on, with the file concerned and what to do.
pub fn run(options: Options) -> Result<Outcome> {
    mbn_cli::interrupt::install()?;
    choose_device(options.common.device)?;
    if options.profile {
        profile::run(&options)?;
        return Ok(Outcome::Success);
    }
    let mut trainer = match &options.resume {
        Some(folder) => Trainer::resume(RunDir::open(folder)?, &options)?,
        None => Trainer::start(options.settings()?, &options)?,
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
