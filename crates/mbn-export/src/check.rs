//! `mbn-export check`: repeats the proof for a file, later and elsewhere.

mod reference;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use mbn_cli::Hint;
use mbn_engine::GraphSession;
use mbn_engine::engine::ModelSource;
use mbn_onnx::foreign::{TrainingMode, with_data_inside};
use mbn_onnx::{FoldedError, Model, Structure, structure};
use mbn_spec::text::{counted, listed};

use crate::diff::MAX_BYTES;
use crate::limits::Limit;
use crate::proof::Proof;
use crate::report::Report;
use crate::show::printable;
use crate::trial::Trial;
use crate::verify::{Evidence, MAX_THREADS, compare, find_runtime, is_unchecked};

/// What to check, and with what.
#[derive(Clone, Debug)]
pub struct Check {
    /// The file.
    pub file: PathBuf,
    /// The weights that it was made from, if the user names them.
    pub weights: Option<PathBuf>,
    /// Folder of pictures to run, besides noise.
    pub pictures: Option<PathBuf>,
    /// File for the result as JSON.
    pub report: Option<PathBuf>,
    /// ONNX Runtime's library, if the user names one.
    pub ort_lib: Option<PathBuf>,
    /// Seconds that a file of another program may take.
    pub time_limit: u64,
    /// CPU threads.
    pub threads: usize,
}

/// Checks the file; gives the result as lines of text.
///
/// # Errors
/// The file cannot be read, is wrong, or does not compute what its weights compute in candle.
pub fn run(check: &Check) -> Result<String> {
    let file = &check.file;
    if let Some(report) = check.report.as_deref().filter(|report| report.is_file()) {
        // It would stand for this check if ONNX Runtime ended the program. A link stays.
        let removed = report.canonicalize().and_then(fs::remove_file);
        removed.with_context(|| format!("cannot replace `{}`", report.display()))?;
    }
    let bytes = file.metadata().map_or(0, |metadata| metadata.len() as usize);
    let mut lines = vec![format!("file       {}", file.display())];
    let mut found = Found::default();
    let (model, result) = match Model::load(file) {
        Ok(model) => {
            let result = examine(check, &model, &mut lines, &mut found);
            (Some(model), result.map_err(|error| failure(error, file)))
        }
        Err(error) => (None, Err(error.into())),
    };
    let failed = result.err();
    if let Some(path) = &check.report {
        Report {
            file,
            model: model.as_ref(),
            bytes,
            reference: found.reference.as_deref(),
            differs: &found.differs,
            evidence: found.evidence.as_ref(),
            error: failed.as_ref(),
        }
        .write(path)?;
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(lines.join("\n")),
    }
}

fn failure(error: Error, file: &Path) -> Error {
    let what = match is_unchecked(&error) {
        true => "cannot be checked",
        false => "does not pass",
    };
    error.context(format!("`{}` {what}", file.display()))
}

/// What is known of the file so far.
#[derive(Default)]
struct Found {
    evidence: Option<Evidence>,
    /// The name of what it is compared with.
    reference: Option<String>,
    differs: Vec<String>,
}

fn examine(check: &Check, model: &Model, lines: &mut Vec<String>, so_far: &mut Found) -> Result<()> {
    let found = structure(model, Some(&check.file))?;
    if let Some(training) = TrainingMode::of(model, None) {
        let advice = training.advice();
        return Err(training).hint(|| advice.to_owned());
    }
    lines.push(format!(
        "structure  {}: names, order and constants are sound",
        counted(found.nodes(), "node")
    ));
    if !found.orphans.is_empty() {
        let names = found.orphans.iter().map(|name| format!("`{}`", printable(name)));
        lines.push(format!("unused     {}", listed(names, 5)));
    }
    if !found.unlisted.is_empty() {
        let names = found.unlisted.iter().map(|name| format!("`{}`", printable(name)));
        lines.push(format!(
            "warning    in IR {} constants are to be among the inputs, as ONNX's own checker demands: {}; ONNX Runtime takes them as they are",
            model.proto().ir_version(),
            listed(names, 5)
        ));
    }
    let evidence = so_far.evidence.insert(Evidence {
        structure: found,
        ..Evidence::default()
    });
    let inside;
    let model = match is_ours(model) && !evidence.structure.external.is_empty() {
        // Another program put the constants into a file of their own.
        true => {
            let folder = check.file.parent().unwrap_or(Path::new(""));
            inside = with_data_inside(model, folder, MAX_BYTES)?;
            &inside
        }
        false => model,
    };
    let written = match model.written() {
        Ok(written) => written,
        Err(error) if is_ours(model) => {
            return Err(error).context("it was changed after `mbn-export` wrote it");
        }
        Err(error) => return foreign(check, model, &evidence.structure, &error, lines),
    };
    lines.push(format!(
        "model      {}, {}, opset {}",
        written.weights.architecture, written.options.precision, written.options.opset
    ));
    let runtime = find_runtime(check.ort_lib.as_deref(), "")?;
    let mut found = reference::find(check, model, &written)?;
    lines.push(format!("reference  {}", found.name));
    lines.extend(found.differs.iter().map(|what| format!("warning    {what}")));
    so_far.differs = found.differs;
    if let Some(how) = model.quantization().filter(|_| written.quantized.is_some()) {
        lines.push(format!(
            "integers   weights of {} bits, with which no sum of two products saturates; {} pictures, {}",
            how.weight_bits,
            how.pictures,
            printable(&how.calibration)
        ));
    }
    so_far.reference = Some(found.name);
    compare(
        evidence,
        &runtime,
        &ModelSource::File(check.file.clone()),
        &written,
        &mut found.reference,
        check.pictures.as_deref(),
        check.threads.min(MAX_THREADS),
    )?;
    lines.extend(describe(evidence));
    evidence.verdict()?;
    evidence.proof.iter().try_for_each(Proof::require_related)
}

/// The cases and the other outputs, a line each.
fn describe(evidence: &Evidence) -> Vec<String> {
    let mut lines = Vec::new();
    for case in evidence.proof.iter().flat_map(|proof| &proof.cases) {
        let differences = case.comparison.differences();
        lines.push(format!(
            "{:<10} {} in batches of {}: largest difference {:.1e}, mean {:.1e}, {:.1e} allowed; the first class agrees on {} of {}",
            if case.noise { "noise" } else { "pictures" },
            differences.images,
            case.batch,
            differences.largest,
            differences.mean(),
            case.comparison.allowed(),
            differences.same_class,
            differences.images,
        ));
        if let Some(float) = &case.float {
            let differences = float.differences();
            lines.push(format!(
                "  float32  largest difference {:.1e}, mean {:.1e}; the first class agrees on {} of {}",
                differences.largest,
                differences.mean(),
                differences.same_class,
                differences.images,
            ));
        }
    }
    for other in &evidence.others {
        lines.push(format!(
            "output     `{}` fits {}: {} {:.1e}, {:.1e} allowed",
            other.name,
            other.beside,
            other.measure(),
            other.largest,
            other.allowed
        ));
    }
    if let Some(proof) = &evidence.proof {
        lines.push(format!("engine     {}", proof.engine));
    }
    lines.push("passed".to_owned());
    lines
}

/// Whether the file says that this program wrote it.
fn is_ours(model: &Model) -> bool {
    model.proto().producer_name() == "mbn-export"
}

/// Runs a file of another program: there is nothing to compare it with but itself.
fn foreign(
    check: &Check,
    model: &Model,
    structure: &Structure,
    why: &FoldedError,
    lines: &mut Vec<String>,
) -> Result<()> {
    if check.weights.is_some() || check.pictures.is_some() {
        return Err(Error::msg(why.to_string())
            .context("only files of `mbn-export` can be compared with weights, or run on pictures"));
    }
    let producer = match model.proto().producer_name() {
        "" => "another program".to_owned(),
        name => format!("`{}`", printable(name)),
    };
    let runtime = find_runtime(check.ort_lib.as_deref(), "")?;
    let limit = Limit::start(format!("`{}`", check.file.display()), check.time_limit)?;
    let source = ModelSource::File(check.file.clone());
    let mut session = GraphSession::load(&runtime, &source, check.threads.min(MAX_THREADS))?;
    let trial = Trial::of(&session, model);
    let (outputs, shapes) = trial.run(|feeds| Ok(session.run(feeds)?))?;
    drop(limit);
    for output in &outputs {
        if let Some(value) = output.values.iter().find(|value| !value.is_finite()) {
            bail!(
                "on noise, its output `{}` has the value {value}",
                printable(&output.name)
            );
        }
    }
    let opsets = structure
        .opsets
        .iter()
        .map(|(domain, version)| match domain.as_str() {
            "" => version.to_string(),
            domain => format!("{} {version}", printable(domain)),
        });
    lines.push(format!(
        "model      written by {producer}, opset {}",
        opsets.collect::<Vec<_>>().join(", ")
    ));
    if let Some(shapes) = shapes {
        lines.push(format!(
            "sizes      its inputs leave them open; tried is {shapes}"
        ));
    }
    let checked = match outputs.len() {
        0 => "none of its outputs holds floats, so that nothing of them was checked".to_owned(),
        n => format!("{} of floats, all finite", counted(n, "output")),
    };
    lines.push(format!(
        "engine     ONNX Runtime {} runs it on noise: {checked}",
        runtime.version()
    ));
    lines.push("not compared with candle: it is not a file of `mbn-export`".to_owned());
    Ok(())
}
