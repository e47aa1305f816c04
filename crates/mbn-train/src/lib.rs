//! Trains MobileNetV1 with candle: from a data set to a run folder with weights, history and pictures.
//!
//! [`Options`] is the command line; `settings/table.rs` lists its settings. `trainer` runs the epochs on the batches of
//! `data`, and `run` writes the results to disk.

mod again;
mod data;
mod device;
mod options;
mod profile;
mod ranks;
mod report;
mod run;
mod settings;
mod trainer;

pub use options::{Command, Distributed, Options};
pub use settings::{
    BLOCKS, BadImages, BetaParameter, ClassWeights, CropScale, Fraction, Freeze, NonNegative, OptimizerName,
    Part, Positive, Probability, RandAugment, Recipe, ResizeName, RunArgs, Settings, Size, StartSize,
    StepPrecision, Temperature,
};
pub use trainer::Schedule;

use std::rc::Rc;

use anyhow::Result;
use candle_core::Device;
use mbn_cli::Outcome;

use crate::data::download;
use crate::ranks::Ranks;
use crate::run::{RunDir, TrainOn};
use crate::trainer::Trainer;

/// Runs the program with the given options.
///
/// # Errors
/// Why training cannot start or continue, with the file concerned and what to do.
pub fn run(mut options: Options) -> Result<Outcome> {
    mbn_data::hide_caught_panics();
    if let Some(Command::Report { runs }) = &options.command {
        return report::print(runs);
    }
    again::keep(&options);
    options.check_resume()?;
    options.libheif.load(mbn_data::read_heif)?;
    options.check_outputs()?;
    // A search for a rate has nothing to publish.
    options.no_publish |= options.lr_find;
    warn_of_other_processes(&options);
    let ranks = Rc::new(ranks::of(&options)?);
    options.share_cores(ranks.on_these_cores());
    let ended = mbn_cli::advise_on_memory(train(&options, &ranks), &what_takes_less_memory(&options));
    match Rc::into_inner(ranks) {
        Some(ranks) => ranks.leave(ended),
        None => ended,
    }
}

/// What the user can do about a device with too little memory.
fn what_takes_less_memory(options: &Options) -> String {
    // A run that goes on keeps its settings.
    let resumed = options.resume.as_deref();
    let another = resumed.and_then(|run| TrainOn::new(run, None, &[("batch-size", Some("N".to_owned()))]));
    match another {
        Some(another) => another.advice("a smaller batch"),
        None => "use a smaller `--batch-size` or `--size`, or `--precision bf16`".to_owned(),
    }
}

/// Warns if the launcher started several processes that do not train together. They may be meant to be runs of their own.
fn warn_of_other_processes(options: &Options) {
    if options.distributed.is_some() || options.profile || options.lr_find {
        return;
    }
    if let Some((variable, processes)) = mbn_collectives::launched().filter(|(_, processes)| *processes > 1) {
        log::warn!(
            "the launcher started {processes} processes ({variable}), and each trains a run of its own; with `--distributed mpi` \
             they train one together"
        );
    }
}

/// Trains on this rank.
fn train(options: &Options, ranks: &Rc<Ranks>) -> Result<Outcome> {
    let device = ranks.agree(prepare(options, ranks))?;
    if options.profile {
        profile::run(options, &device)?;
        return Ok(Outcome::Success);
    }
    if options.lr_find {
        return Trainer::find_rate(options, &device);
    }
    ranks.connect(&device)?;
    let Some(mut trainer) = start_together(options, &device, ranks)? else {
        return Ok(Outcome::Interrupted);
    };
    let outcome = trainer.train()?;
    if outcome == Outcome::Success {
        trainer.finish()?;
    }
    Ok(outcome)
}

/// What this rank computes on.
fn prepare(options: &Options, ranks: &Ranks) -> Result<Device> {
    mbn_cli::start_threads(options.common.thread_count())?;
    mbn_cli::interrupt::install()?;
    device::check_options(options.device.device, options.run.precision)?;
    let (_, ranks_before) = ranks.on_this_machine();
    device::open(options.device.device, ranks_before)
}

/// The run on this rank. The main rank starts or resumes it, and the others get its state. `None` if the user stopped it.
fn start_together(options: &Options, device: &Device, ranks: &Rc<Ranks>) -> Result<Option<Trainer>> {
    let started = match ranks.is_main() {
        true => start(options, device, ranks),
        false => Ok(None),
    };
    let started = ranks.agree(started)?;
    if ranks.are_one() {
        return Ok(started);
    }
    let state = started.as_ref().map(Trainer::to_bytes).transpose()?;
    let state = ranks.ask_main(&state.unwrap_or_default())?;
    let folder = started.as_ref().map(|trainer| trainer.folder().to_string_lossy());
    let folder = ranks.ask_main(folder.unwrap_or_default().as_bytes())?;
    if state.is_empty() {
        return Ok(None);
    }
    let joined = match started {
        Some(trainer) => Ok(trainer),
        None => {
            let folder = String::from_utf8_lossy(&folder).into_owned();
            Trainer::join(folder.as_ref(), &state, options, device, ranks)
        }
    };
    ranks.agree(joined).map(Some)
}

/// Starts or resumes the run; `None` if the user stopped it before there was anything to save.
fn start(options: &Options, device: &Device, ranks: &Rc<Ranks>) -> Result<Option<Trainer>> {
    if options.download {
        // Refuse what cannot be trained before gigabytes are downloaded.
        Trainer::check(options, device, ranks)?;
        if !download::run(options)? {
            return Ok(None);
        }
    }
    if let Some(folder) = &options.resume {
        return Trainer::resume(RunDir::open(folder)?, options, device, ranks).map(Some);
    }
    let started = Trainer::start(options, device, ranks)?;
    if started.is_none() {
        log::warn!("interrupted before the first step; there is nothing to resume");
    }
    Ok(started)
}
