//! Writes MobileNetV1 weights as an ONNX file, or as a weight file of this project's own form.
//!
//! [`run`] is the program: `weights` gets the weights, [`mbn_onnx::Exporter`] makes the model, `range` checks that
//! float16 holds what it computes, [`verify`] checks the written file before it gets its name, by the [`proof`] that it computes
//! what candle computes. `check`, `diff` and `show` are for files that exist, of other programs too.

mod calibrate;
mod check;
mod diff;
mod examine;
#[cfg(test)]
mod fixtures;
mod limits;
mod meaning;
mod memory;
mod noise;
pub mod options;
mod pictures;
pub mod proof;
mod range;
mod report;
mod show;
mod speed;
mod summary;
mod target;
mod trial;
mod triton;
pub mod verify;
mod weights;
mod write;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::{
    CommonArgs, Hint, Outcome, Written, check_output_file, interrupt, require_replaceable, start_threads,
};
use mbn_files::remove_temporaries;
use mbn_weights::{Weights, is_weight_file};

use crate::options::{Options, WeightsSource};
use crate::report::Known;
use crate::target::Target;
use crate::triton::{Entry, ModelName};

/// Exports as the options say.
///
/// # Errors
/// The weights, the options or the output cannot be used, or the written file does not pass verification.
pub fn run(options: Options) -> Result<Outcome> {
    mbn_data::hide_caught_panics();
    interrupt::install_ending(remove_temporaries)?;
    if let Some(command) = options.command {
        let common = CommonArgs {
            threads: command.threads(),
            ..options.common
        };
        return examine::run(command, common.thread_count());
    }
    let source = options.source()?;
    options.validate()?;
    options.libheif.load(mbn_data::read_heif)?;
    options.require_distinct_files(weights::path(&source).as_deref())?;
    let classes = options.classes.as_deref();
    match (&options.out, &options.triton.triton) {
        (_, Some(repository)) => triton::check_out(repository)?,
        (Some(out), None) if is_weight_file(out) => drop(check_output_file(out)?),
        (Some(out), None) => check_out(out)?,
        (None, None) if options.sensitivity => return costs(&source, &options),
        (None, None) => {
            let (architecture, size) = weights::architecture(&source, classes, &options.overrides)?;
            print(&summary::table(&architecture, size))?;
            return Ok(Outcome::Success);
        }
    }
    if let Some(report) = &options.report {
        check_output_file(report)?;
    }
    start_threads(options.common.thread_count())?;
    let mut known = Known::default();
    let written = export(&source, &options, &mut known);
    if let (Some(path), Some(out)) = (&options.report, options.place()) {
        // An older report must not speak of a file that was not written.
        let reported = known.report(out, written.as_ref().err()).write(path);
        match &written {
            Ok(()) => reported?,
            Err(_) => drop(reported.inspect_err(|error| log::warn!("{error:#}"))),
        }
    }
    written.map(|()| Outcome::Success)
}

/// Reads the weights and writes what is made of them.
fn export(source: &WeightsSource, options: &Options, known: &mut Known) -> Result<()> {
    let weights = weights::get(source, options.classes.as_deref(), &options.overrides)?;
    require_probabilities(&weights, options)?;
    require_filter(&weights, options)?;
    if options.summary {
        print_summary(&weights)?;
    }
    match (options.weights_out(), target(&weights, options)?) {
        (Some(out), _) => write::weights(&weights, out),
        (None, Some(target)) => write::model(&weights, &weights::name(source), options, target, known),
        (None, None) => Ok(()),
    }
}

/// Refuses `--resize-inside` with a filter that no graph has, before calibration takes its time.
fn require_filter(weights: &Weights, options: &Options) -> Result<()> {
    let preprocess = weights.metadata().preprocess.unwrap_or_default();
    let valid = options.export_options().validate_for(&preprocess);
    valid.hint(|| {
        "leave out `--resize-inside`; `--interpolation bilinear` or `bicubic` changes the network's input"
            .to_owned()
    })
}

/// Refuses `--softmax` for classes that have no probabilities that sum to 1, or none but 1.
fn require_probabilities(weights: &Weights, options: &Options) -> Result<()> {
    if !options.softmax {
        return Ok(());
    }
    if weights.metadata().multi_label {
        let message = "`--softmax` gives probabilities of classes that exclude each other, and those of the weights do not";
        return Err(anyhow!(message)).hint(|| {
            "leave it out: a probability is the sigmoid of its logit, as the model's `problem_type` tells"
                .to_owned()
        });
    }
    if weights.architecture().classes == 1 {
        let message = "`--softmax` gives probabilities that sum to 1, and the weights have one class, whose probability would always be 1";
        return Err(anyhow!(message)).hint(|| "leave it out: the logit tells pictures apart".to_owned());
    }
    Ok(())
}

fn print_summary(weights: &Weights) -> Result<()> {
    let preprocess = weights.metadata().preprocess.unwrap_or_default();
    print(&summary::table(weights.architecture(), preprocess.size))
}

/// Prints the tables that are asked for, at least what each layer costs, and no more.
fn costs(source: &WeightsSource, options: &Options) -> Result<Outcome> {
    start_threads(options.common.thread_count())?;
    let weights = weights::get(source, options.classes.as_deref(), &options.overrides)?;
    if options.summary {
        print_summary(&weights)?;
    }
    if let Some(recipe) = options.recipe() {
        print(&calibrate::quantise(&weights, &recipe)?.table.unwrap_or_default())?;
    }
    Ok(Outcome::Success)
}

/// Checks before the work begins that OUT can be replaced, that no link leads from it to a weight file, and that it is no file
/// of another kind.
fn check_out(out: &Path) -> Result<()> {
    let file = check_output_file(out)?;
    if is_weight_file(&file) {
        let (out, file) = (out.display(), file.display());
        bail!("`{out}` leads to `{file}`, which is named like a weight file and would be replaced");
    }
    require_replaceable("", out, Written::Onnx)?;
    Ok(())
}

/// Where the model goes, if one is written.
fn target(weights: &Weights, options: &Options) -> Result<Option<Target>> {
    let Some(repository) = &options.triton.triton else {
        return Ok(options.out.clone().map(Target::File));
    };
    let name = options.triton.triton_name.clone();
    let name = name.unwrap_or_else(|| ModelName::of(weights.architecture().alpha));
    Entry::next(repository, name, &weights.class_names()).map(|entry| Some(Target::Triton(entry)))
}

fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")
}
