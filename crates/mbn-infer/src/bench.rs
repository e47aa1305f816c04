//! `mbn-infer bench`: latency and throughput of engines, without decoding.
//!
//! What the figures mean is in `docs/bench.md`: the definitions are those of ONNX Runtime's `onnxruntime_perf_test`.

mod figures;
mod latencies;
mod machine;
mod subject;
mod table;

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mbn_cli::{Outcome, Outputs, Written, check_output_file, interrupt, require_replaceable};

use crate::model::DEFAULT_MODEL;
use crate::options::{BenchFormat, BenchOptions};
use crate::output::cannot_write;
use figures::{Figures, Measured};
use machine::Load;
use subject::Subject;

/// Rounds over all combinations: what changes on the machine meanwhile changes them all, and shows.
const ROUNDS: usize = 5;

/// Calls of a round, at least.
const FEWEST: usize = 3;

/// Measures as the options say, and prints the figures on stdout.
///
/// # Errors
/// No combination can be run, an engine fails, or stdout cannot be written to.
pub fn run(options: &BenchOptions) -> Result<Outcome> {
    options.validate()?;
    if let Some(file) = &options.latencies {
        let outputs = Outputs::new([("--latencies", file)])?;
        let default = Path::new(DEFAULT_MODEL);
        let models = options.models.iter().map(PathBuf::as_path);
        let default = models.clone().next().is_none().then_some(default);
        let mut inputs = models.chain(default).chain(options.ort_lib.as_deref());
        inputs.try_for_each(|path| outputs.require_not_read(path))?;
        check_output_file(file)?;
        require_replaceable("--latencies", file, Written::Text)?;
    }
    let preparing = interrupt::install_preparing()?;
    let mut subjects = subject::subjects(options)?;
    if subjects.is_empty() {
        bail!("there is nothing to measure: no engine runs any of the models");
    }
    drop(preparing);
    let measured = measure(&mut subjects, options)?;
    let Some(measured) = measured else {
        return Ok(Outcome::Interrupted);
    };
    if let Some(file) = &options.latencies {
        latencies::write(&measured, file)?;
    }
    let figures: Vec<_> = measured.into_iter().map(Figures::of).collect();
    let text = match options.format {
        BenchFormat::Table => format!("{}\n", table::table(&figures)),
        BenchFormat::Json => table::json(&figures)?,
    };
    let written = stdout().write_all(text.as_bytes());
    written.with_context(|| cannot_write(None))?;
    table::log_trust(&figures);
    Ok(Outcome::Success)
}

/// Warms up and measures round by round. `None` if the user stops it.
fn measure(subjects: &mut [Subject], options: &BenchOptions) -> Result<Option<Vec<Measured>>> {
    let mut all = Vec::new();
    for subject in subjects.iter() {
        let batches = subject.batches().iter();
        all.extend(batches.map(|batch| Measured::new(subject.described(*batch))));
    }
    let time = Duration::from_secs_f64(options.seconds / ROUNDS as f64);
    for round in 0..ROUNDS {
        let mut measured = all.iter_mut();
        for subject in subjects.iter_mut() {
            for batch in subject.batches().to_vec() {
                let Some(measured) = measured.next() else {
                    break;
                };
                if interrupt::requested() {
                    return Ok(None);
                }
                let warm_up = if round == 0 { options.warm_up } else { 1 };
                measured.rounds.push(self::round(subject, batch, warm_up, time)?);
            }
        }
    }
    Ok(Some(all))
}

/// The calls of a round: for so long, and a few at least.
fn round(subject: &mut Subject, batch: usize, warm_up: usize, time: Duration) -> Result<figures::Round> {
    let images = subject.images(batch);
    for _ in 0..warm_up {
        subject.call(&images, batch)?;
    }
    let (load, start) = (Load::now(), Instant::now());
    let mut latencies = Vec::new();
    while latencies.len() < FEWEST || start.elapsed() < time {
        let call = Instant::now();
        subject.call(&images, batch)?;
        latencies.push(call.elapsed());
        if interrupt::requested() {
            break;
        }
    }
    let elapsed = start.elapsed();
    let others = load.and_then(|before| Some(Load::now()?.others_since(&before, elapsed)));
    Ok(figures::Round {
        latencies,
        elapsed,
        others,
    })
}
