//! The program: classifies the inputs chunk by chunk.

use std::io::{IsTerminal, stdout};
use std::time::Instant;

use anyhow::{Context, Result};
use mbn_cli::{Outcome, interrupt, progress};

use crate::inputs::{self, Input};
use crate::options::Options;
use crate::output::{self, Writer};
use crate::pipeline::{Chunk, Pipeline};
use crate::predictions::{softmax, top_k};
use crate::report::Report;
use crate::setup::{self, Classifier};

const BAR: &str = "{bar:30} {pos}/{len} images, {per_sec}, {eta} left";

/// The user asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Classifies as the options say.
///
/// # Errors
/// Options, a model, an engine or an output that cannot be used. An image that cannot be used is reported
/// instead, and makes the outcome a failure.
pub fn run(options: Options) -> Result<Outcome> {
    options.validate()?;
    interrupt::install()?;
    let mut classifier = setup::classifier(&options)?;
    let inputs = inputs::inputs(&options, &classifier.class_names)?;
    let mut writer = output::open(options.format, options.output.as_deref())?;

    let threads = options.common.thread_count();
    let pipeline = Pipeline::new(classifier.preprocess, options.batch_len(), threads)?;
    let bar = progress::bar(inputs.len() as u64, BAR);
    if options.output.is_none() && stdout().is_terminal() {
        // The results themselves show how far it is.
        progress::hide();
    }
    let mut report = Report::default();
    let start = Instant::now();
    let result = pipeline.run(&inputs, |chunk| {
        if interrupt::requested() {
            return Err(Interrupted.into());
        }
        let chunk_len = chunk.inputs.len() as u64;
        classify(chunk, &mut classifier, &options, writer.as_mut(), &mut report)?;
        bar.inc(chunk_len);
        Ok(())
    });
    bar.finish_and_clear();
    match result {
        Err(error) if error.is::<Interrupted>() => return Ok(Outcome::Interrupted),
        other => other?,
    }
    let elapsed = start.elapsed();
    let written = writer.finish()?.commit();
    written.with_context(|| match &options.output {
        Some(path) => format!("cannot write `{}`", path.display()),
        None => "cannot write to stdout".to_owned(),
    })?;
    report.log(elapsed, pipeline.times(), threads, classifier.parity.as_ref());
    Ok(report.outcome(classifier.parity.as_ref()))
}

/// Runs the network on a chunk's images, batch by batch, and writes what it found.
fn classify(
    chunk: Chunk<'_>,
    classifier: &mut Classifier,
    options: &Options,
    writer: &mut dyn Writer,
    report: &mut Report,
) -> Result<()> {
    let image_len = 3 * classifier.preprocess.size * classifier.preprocess.size;
    let classes = classifier.engine.classes();
    let mut outputs = Vec::with_capacity(chunk.images.len() / image_len * classes);
    for batch in chunk.images.chunks(options.batch_len() * image_len) {
        let n = batch.len() / image_len;
        let start = Instant::now();
        let found = classifier.engine.logits(batch, n);
        report.inference += start.elapsed();
        let found = found.with_context(|| format!("{} failed", classifier.engine.describe()))?;
        if let Some(parity) = &mut classifier.parity {
            parity.compare(batch, n, &found)?;
        }
        outputs.extend(found);
    }
    let mut rows = outputs.chunks_mut(classes);
    for (input, outcome) in chunk.inputs.iter().zip(chunk.outcomes) {
        let probabilities = match outcome {
            Ok(()) => probabilities(rows.next(), classifier.probabilities),
            Err(problem) => Err(problem),
        };
        write(input, probabilities, classifier, options.top_k, writer, report)?;
    }
    writer.flush()
}

/// One image's probabilities from the engine's row of outputs.
fn probabilities(row: Option<&mut [f32]>, is_probabilities: bool) -> Result<&[f32], String> {
    let row = row.ok_or("the engine gave no output for it")?;
    if !row.iter().all(|value| value.is_finite()) {
        return Err("the network's output for it is not finite".to_owned());
    }
    if !is_probabilities {
        softmax(row);
    }
    Ok(row)
}

fn write(
    input: &Input,
    probabilities: Result<&[f32], String>,
    classifier: &Classifier,
    k: usize,
    writer: &mut dyn Writer,
    report: &mut Report,
) -> Result<()> {
    match probabilities {
        Ok(probabilities) => {
            report.classified += 1;
            if let Some(class) = input.class {
                report.count_class(probabilities, class);
            }
            writer.image(&input.path, Ok(&top_k(probabilities, &classifier.class_names, k)))
        }
        Err(problem) => {
            report.failed += 1;
            log::error!("`{}`: {problem}", input.path.display());
            writer.image(&input.path, Err(&problem))
        }
    }
}
