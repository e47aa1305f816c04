//! Writes MobileNetV1 weights as an ONNX file, or as a weight file of this project's own form.
//!
//! [`run`] is the program: [`weights`] gets the weights, [`mbn_onnx::Exporter`] makes the model, [`range`] checks that
//! float16 holds what it computes, [`verify`] checks the written file before it gets its name, by the [`proof`] that it computes
//! what candle computes. [`check`], [`diff`] and [`show`] are for files that exist, of other programs too.

pub mod calibrate;
pub mod check;
pub mod diff;
#[cfg(test)]
mod fixtures;
mod limits;
mod noise;
pub mod options;
mod pictures;
pub mod proof;
pub mod range;
pub mod report;
pub mod show;
pub mod speed;
pub mod summary;
pub mod target;
pub mod triton;
pub mod verify;
pub mod weights;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use mbn_cli::{CommonArgs, Hint, Outcome, Outputs, check_output_file, interrupt, start_threads};
use mbn_files::{atomic, remove_temporaries};
use mbn_onnx::{ExportOptions, Exporter, Precision};
use mbn_spec::text::thousands;
use mbn_weights::{Weights, is_weight_file, weight_file_kind};

use crate::check::Check;
use crate::diff::Diff;
use crate::options::{Command, Options, WeightsSource};
use crate::proof::Proof;
use crate::report::Report;
use crate::speed::Speed;
use crate::target::Target;
use crate::triton::{Entry, ModelName};
use crate::verify::{Verification, find_runtime};

/// Exports as the options say.
///
/// # Errors
/// The weights, the options or the output cannot be used, or the written file does not pass verification.
pub fn run(options: Options) -> Result<Outcome> {
    interrupt::install_ending(remove_temporaries)?;
    if let Some(command) = options.command {
        let common = CommonArgs {
            threads: command.threads(),
            ..options.common
        };
        return examine(command, common.thread_count());
    }
    let source = options.source()?;
    options.validate()?;
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
    let weights = weights::get(&source, classes, &options.overrides)?;
    if options.softmax && weights.metadata().multi_label {
        let message = "`--softmax` gives probabilities of classes that exclude each other, and those of the weights do not";
        return Err(anyhow!(message)).hint(|| {
            "leave it out: a probability is the sigmoid of its logit, as the model's `problem_type` tells"
                .to_owned()
        });
    }
    if options.summary {
        print_summary(&weights)?;
    }
    match (options.weights_out(), target(&weights, &options)?) {
        (Some(out), _) => write_weights(&weights, out)?,
        (None, Some(target)) => write(&weights, &options, &target)?,
        (None, None) => {}
    }
    Ok(Outcome::Success)
}

/// What the program does with files that exist.
fn examine(command: Command, threads: usize) -> Result<Outcome> {
    if let Command::Check {
        file,
        weights,
        check_images,
        report: Some(report),
        ort_lib,
        ..
    } = &command
    {
        let outputs = Outputs::new([("--report", report)])?;
        for path in [Some(file), weights.as_ref(), ort_lib.as_ref()]
            .into_iter()
            .flatten()
        {
            outputs.require_not_read(path)?;
        }
        if let Some(folder) = check_images {
            options::require_pictures_stay(&outputs, folder)?;
        }
        check_output_file(report)?;
    }
    start_threads(threads)?;
    let agree = match command {
        Command::Show { file } => {
            print(&show::text(&file)?)?;
            true
        }
        Command::Check {
            file,
            weights,
            check_images,
            report,
            ort_lib,
            time_limit,
            threads: _,
        } => {
            let check = Check {
                file,
                weights,
                pictures: check_images,
                report,
                ort_lib,
                time_limit,
                threads,
            };
            print(&check::run(&check)?)?;
            true
        }
        Command::Diff {
            a,
            b,
            tolerance,
            ort_lib,
            time_limit,
            threads: _,
        } => {
            let diff = Diff {
                a,
                b,
                tolerance,
                ort_lib,
                time_limit,
                threads,
            };
            let (text, agree) = diff::run(&diff)?;
            print(&text)?;
            agree
        }
    };
    Ok(match agree {
        true => Outcome::Success,
        false => Outcome::Failure,
    })
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

/// Writes the weights under this project's names, with their description, and reads them again.
fn write_weights(weights: &Weights, out: &Path) -> Result<()> {
    let cannot_write = || format!("cannot write `{}`", out.display());
    // Whoever reads them must not assume anything.
    let mut metadata = weights.metadata().clone();
    metadata.preprocess.get_or_insert_default();
    let weights = weights.clone().with_metadata(metadata)?;
    let bytes = weights.to_bytes().with_context(cannot_write)?;
    let written = Weights::from_bytes(&bytes).with_context(cannot_write)?;
    ensure!(
        written == weights,
        "the written weights differ from those that were read"
    );
    atomic::write(out, &bytes).with_context(cannot_write)?;
    log::info!(
        "Wrote `{}`: {}, {} parameters, weights for every program of this project, {} bytes",
        out.display(),
        weights.architecture(),
        thousands(weights.architecture().summary(0).parameters()),
        thousands(bytes.len() as u64),
    );
    Ok(())
}

/// Checks before the work begins that OUT can be replaced, that no link leads from it to a weight file, and that it is none by
/// another name, which took long to train.
fn check_out(out: &Path) -> Result<()> {
    let file = check_output_file(out)?;
    if is_weight_file(&file) {
        let (out, file) = (out.display(), file.display());
        bail!("`{out}` leads to `{file}`, which is named like a weight file and would be replaced");
    }
    // A file that cannot be read can be replaced all the same.
    if let Ok(Some(kind)) = weight_file_kind(&file) {
        return Err(anyhow!(
            "`{}` is {kind}, which a model would replace",
            out.display()
        ))
        .hint(|| "give the model another name, or remove that file first".to_owned());
    }
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

/// Writes the model under a temporary name, verifies it, and gives it its name.
fn write(weights: &Weights, options: &Options, target: &Target) -> Result<()> {
    let out = &target.path();
    let (mut exporter, mut export_options) = (Exporter::new(weights), options.export_options());
    if let Some(recipe) = options.recipe() {
        let calibrated = calibrate::quantise(weights, &recipe)?;
        if let Some(table) = &calibrated.table {
            print(table)?;
        }
        export_options.keep_float = calibrated.quantized.float_layers();
        exporter = exporter.with_quantized(calibrated.quantized, calibrated.how);
    }
    let model = exporter.export(&export_options)?;
    let bytes = model.to_bytes();
    let pictures = options.check_images.as_deref();
    range::check(weights, &export_options, pictures, options.allow_overflow)?;
    let file = target.stage(&model, &bytes)?;
    let verification = Verification {
        run: !options.no_verify,
        ort_lib: options.ort_lib.as_deref(),
        pictures,
        threads: options.common.thread_count(),
    };
    let found = verify::verify(file.temporary_path(), &exporter, &export_options, verification);
    let (evidence, failed) = match found {
        Ok(evidence) => {
            let failed = evidence.verdict().err();
            (Some(evidence), failed)
        }
        Err(error) => (None, Some(error)),
    };
    let failed = failed.map(|error| {
        error.context(format!(
            "`{}` was not written because it does not pass verification",
            out.display()
        ))
    });
    if let Some(path) = &options.report {
        let report = Report {
            file: out,
            model: &model,
            bytes: bytes.len(),
            reference: Some("the weights"),
            evidence: evidence.as_ref(),
            error: failed.as_ref(),
        };
        report.write(path)?;
    }
    if let Some(error) = failed {
        if options.keep_rejected {
            let rejected = options::rejected(out);
            atomic::write(&rejected, &bytes)
                .with_context(|| format!("cannot write `{}`", rejected.display()))?;
            log::warn!("The file that does not pass is kept as `{}`", rejected.display());
        }
        return Err(error);
    }
    file.commit()?;
    let proof = evidence.as_ref().and_then(|evidence| evidence.proof.as_ref());
    report(weights, options, target, bytes.len(), proof);
    if proof.is_some() && export_options.precision == Precision::Int8 {
        tell_speed(&exporter, &export_options, options, bytes)?;
    }
    Ok(())
}

/// Says how fast an int8 file is here: without VNNI it may be slower than float32.
fn tell_speed(
    exporter: &Exporter<'_>,
    export: &ExportOptions,
    options: &Options,
    bytes: Vec<u8>,
) -> Result<()> {
    let runtime = find_runtime(options.ort_lib.as_deref(), "")?;
    let threads = options.common.thread_count();
    let speed = Speed::measure(&runtime, bytes, exporter, export, threads)?;
    match speed.ratio() < 1.0 {
        false => log::info!("It is {speed}"),
        true => log::warn!(
            "It is {speed}\nhint: on processors with VNNI int8 is faster; `docs/int8.md` has a table"
        ),
    }
    Ok(())
}

fn report(weights: &Weights, options: &Options, target: &Target, bytes: usize, proof: Option<&Proof>) {
    let architecture = weights.architecture();
    let parameters = architecture.summary(0).parameters();
    log::info!(
        "Wrote `{}`: MobileNetV1 alpha {}, {}, {} parameters, {}, opset {}, {} bytes",
        target.path().display(),
        architecture.alpha,
        architecture.class_count(),
        thousands(parameters),
        options.export_options().precision,
        options.export_options().opset,
        thousands(bytes as u64),
    );
    match proof {
        Some(proof) => log::info!("Its outputs agree with candle's: {proof}"),
        None => log::info!("Its outputs were not compared with candle's, as `--no-verify` says"),
    }
    log::info!("{}", target.next_step());
}

fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")
}
