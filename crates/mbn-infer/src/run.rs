//! The program: classifies the inputs chunk by chunk.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{IsTerminal, stdout};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use log::Level;
use mbn_cli::{Outcome, check_output, check_output_file, interrupt, progress};
use mbn_data::{DecodeOptions, LeftOut};
use mbn_engine::images::Images;
use mbn_engine::lanes::Batch;
use mbn_model::first_class;

use crate::bench;
use crate::check::Check;
use crate::evaluation::{self, Evaluation};
use crate::hints;
use crate::html::{self, About, Page, Shown};
use crate::inputs::{self, Input, Inputs};
use crate::options::{Command, Options};
use crate::output::{self, Writer};
use crate::pipeline::{self, Chunk, Found, Pipeline};
use crate::predictions::{Classified, top_k};
use crate::report::{self, Report};
use crate::scores::Scores;
use crate::setup::{self, Classifier};
use crate::sorter::Sorter;

const BAR: &str = "{bar:30} {pos}/{len} images, {per_sec}, {eta} left";

/// Chunks that the engines work on while the results of the one before are written, so that they never wait.
const AHEAD: usize = 1;

/// Folder of `--sort-into` for the pictures under the threshold.
const UNCERTAIN: &str = "uncertain";

/// The user asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Classifies as the options say.
///
/// # Errors
/// The options, the model, the engine or the output cannot be used. An image that cannot be used is not an error: it is
/// reported, and makes the outcome [`Outcome::Partial`].
pub fn run(options: Options) -> Result<Outcome> {
    if let Some(Command::Bench(bench)) = &options.command {
        return bench::run(bench);
    }
    options.validate()?;
    // Before the guard is dropped, the program may wait forever for something that it reads or opens.
    let preparing = interrupt::install_preparing()?;
    let output = options.output.as_deref();
    if let Some(path) = output {
        check_output(path)?;
    }
    if let Some(page) = &options.html {
        check_output_file(page)?;
    }
    let mut classifier = setup::classifier(&options)?;
    let Inputs { inputs, left_out } = inputs::inputs(&options, &classifier.class_names)?;
    log_left_out(&left_out);
    let mut writer = output::open(options.format, options.extra(), output)?;
    drop(preparing);

    let threads = classifier.threads;
    let decode_options = DecodeOptions {
        max_pixels: options.max_pixels,
        ..match options.full_decode {
            true => DecodeOptions::default(),
            false => DecodeOptions::reduced_for(&classifier.preprocess),
        }
    };
    let pipeline = Pipeline::new(
        classifier.preprocess,
        decode_options,
        classifier.lanes.pixel_type(),
        classifier.batch,
        threads,
    );
    let pipeline = match classifier.is_foreign {
        true => pipeline.exactly(),
        false => pipeline,
    };
    let bar = progress::bar(inputs.len() as u64, BAR);
    if options.output.is_none() && stdout().is_terminal() {
        // The results themselves show the progress.
        progress::hide();
    }
    let sorter = options.sort_into.as_deref().map(|folder| {
        let mut names = classifier.class_names.names().to_vec();
        names.extend(options.threshold.map(|_| UNCERTAIN.to_owned()));
        Sorter::new(folder, &names, options.sort_links)
    });
    let mut report = Report {
        sorter: sorter.transpose()?,
        page: page(&options, &classifier)?,
        ..Report::default()
    };
    pipeline.want_thumbnails(report.page.is_some());
    let start = Instant::now();
    let mut in_flight = VecDeque::new();
    let mut finish = |chunk: InFlight<'_>, classifier: &mut Classifier| {
        let chunk_len = chunk.inputs.len() as u64;
        finish(chunk, classifier, &options, writer.as_mut(), &mut report)?;
        pipeline.want_thumbnails(report.page.as_ref().is_some_and(Page::wants_thumbnails));
        bar.inc(chunk_len);
        anyhow::Ok(())
    };
    let result = pipeline.run(&inputs, |chunk| {
        if interrupt::requested() {
            return Err(Interrupted.into());
        }
        in_flight.push_back(submit(chunk, &mut classifier));
        if in_flight.len() > AHEAD
            && let Some(oldest) = in_flight.pop_front()
        {
            finish(oldest, &mut classifier)?;
        }
        Ok(())
    });
    let result = result.and_then(|()| {
        in_flight
            .drain(..)
            .try_for_each(|chunk| finish(chunk, &mut classifier))
    });
    bar.finish_and_clear();
    match result {
        Err(error) if error.is::<Interrupted>() => return Ok(Outcome::Interrupted),
        other => other?,
    }
    let elapsed = start.elapsed();
    let written = writer.finish().and_then(|sink| Ok(sink.commit()?));
    written.with_context(|| output::cannot_write(output))?;
    if let Some(folder) = &options.evaluation {
        let names = classifier.class_names.names();
        let none = Evaluation::new(names.len());
        evaluation::write(report.evaluation.as_ref().unwrap_or(&none), names, folder)?;
    }
    if let (Some(page), Some(path)) = (report.page.take(), &options.html) {
        let finished = page.finish(report.evaluation.as_ref());
        finished.with_context(|| output::cannot_write(Some(path)))?;
    }
    report.log(
        elapsed,
        pipeline.times(),
        threads,
        &classifier,
        options.bad_images,
    );
    Ok(report.outcome(classifier.check.as_ref().map(Check::parity), options.bad_images))
}

/// The page that the options ask for.
fn page(options: &Options, classifier: &Classifier) -> Result<Option<Page>> {
    let Some(path) = &options.html else {
        return Ok(None);
    };
    let about = About {
        model: &classifier.model,
        engine: classifier.lanes.describe(),
        classes: classifier.class_names.names(),
        evaluated: options.evaluate,
        threshold: options.threshold,
    };
    let page = Page::create(path, &about);
    Ok(Some(page.with_context(|| output::cannot_write(Some(path)))?))
}

/// Says what the folders hold besides pictures.
fn log_left_out(left_out: &LeftOut) {
    if left_out.is_empty() {
        return;
    }
    let hint = left_out.advice().map(|advice| format!("\nhint: {advice}"));
    let level = match left_out.may_be_missed() {
        true => Level::Warn,
        false => Level::Info,
    };
    log::log!(level, "left out: {left_out}{}", hint.unwrap_or_default());
}

/// A chunk whose batches are with the engines.
struct InFlight<'a> {
    inputs: &'a [Input],
    outcomes: Vec<pipeline::Outcome>,
    images: Arc<Images>,
    batches: Vec<Batch>,
}

/// Gives a chunk's images to the engines, batch by batch.
fn submit<'a>(chunk: Chunk<'a>, classifier: &mut Classifier) -> InFlight<'a> {
    let image_len = classifier
        .lanes
        .pixel_type()
        .image_len(classifier.preprocess.size);
    let images = Arc::new(chunk.images);
    let n = images.pixels().len() / image_len;
    let starts = (0..n).step_by(classifier.batch);
    let batches = starts.map(|start| {
        let end = n.min(start + classifier.batch);
        let values = start * image_len..end * image_len;
        classifier.lanes.submit(&images, values, end - start)
    });
    InFlight {
        batches: batches.collect(),
        inputs: chunk.inputs,
        outcomes: chunk.outcomes,
        images,
    }
}

/// Waits for a chunk's batches, and writes what was found.
fn finish(
    chunk: InFlight<'_>,
    classifier: &mut Classifier,
    options: &Options,
    writer: &mut dyn Writer,
    report: &mut Report,
) -> Result<()> {
    let classes = classifier.lanes.classes();
    let mut outputs = Vec::with_capacity(chunk.outcomes.len() * classes);
    let mut features = Vec::new();
    for batch in &chunk.batches {
        let done = batch.wait();
        report.inference += done.elapsed;
        let found = done
            .logits
            .with_context(|| format!("{} failed", classifier.lanes.describe()));
        let found = hints::with_engine_hint(found)?;
        if let Some(check) = &mut classifier.check {
            let images = chunk.images.pixels().range(batch.values());
            let start = Instant::now();
            check.compare(images, batch.len(), &found)?;
            report.checking += start.elapsed();
        }
        outputs.extend(found);
        features.extend(done.features);
    }
    if classifier.scores.correct(&outputs, classes) {
        log::info!("output: its values are in [0, 1] and sum to 1: they are taken for probabilities");
        if options.logits {
            bail!("`--logits` cannot be written: the model's output has probabilities");
        }
    }
    let start = Instant::now();
    let mut rows = outputs.chunks_mut(classes);
    let mut features = classifier.lanes.features().map(|len| features.chunks(len));
    for (input, outcome) in chunk.inputs.iter().zip(chunk.outcomes) {
        let (mut logits, mut own_features) = (None, None);
        let (probabilities, found) = match outcome {
            Ok(found) => {
                if let Some(warning) = &found.warning {
                    log::warn!("`{}`: {warning}", name(input));
                }
                let row = rows.next();
                logits = row.as_deref().filter(|_| options.logits).map(<[f32]>::to_vec);
                own_features = features.as_mut().and_then(Iterator::next);
                (probabilities(row, classifier.scores), found)
            }
            Err(problem) => (Err(problem), Found::default()),
        };
        let probabilities = probabilities.as_ref().map(|found| &**found).map_err(Clone::clone);
        let first = probabilities.as_deref().ok().and_then(first_class);
        if let (Some(sorter), Some(class)) = (&mut report.sorter, first) {
            let is_certain = options.is_certain(probabilities.as_deref().unwrap_or_default());
            // Uncertain pictures have a folder behind those of the classes.
            let uncertain = classifier.class_names.names().len();
            sorter.add(&input.path, if is_certain { class } else { uncertain })?;
        }
        if let Some(page) = &mut report.page {
            let added = add_to(page, input, probabilities.as_deref(), found, classifier, options);
            added.with_context(|| output::cannot_write(options.html.as_deref()))?;
        }
        let extra = Classified {
            logits: logits.as_deref(),
            features: own_features,
            ..Classified::default()
        };
        let written = write(input, probabilities, extra, classifier, options, writer, report);
        written.with_context(|| output::cannot_write(options.output.as_deref()))?;
    }
    let written = writer.flush();
    written.with_context(|| output::cannot_write(options.output.as_deref()))?;
    report.writing += start.elapsed();
    Ok(())
}

/// One image's probabilities from the engine's row of outputs.
fn probabilities(row: Option<&mut [f32]>, scores: Scores) -> Result<Cow<'_, [f32]>, String> {
    let row = row.ok_or("the engine gave no output for it")?;
    if !row.iter().all(|value| value.is_finite()) {
        return Err("the network's output for it is not finite".to_owned());
    }
    Ok(scores.probabilities(row))
}

/// Adds an image to the page.
fn add_to(
    page: &mut Page,
    input: &Input,
    probabilities: Result<&[f32], &String>,
    found: Found,
    classifier: &Classifier,
    options: &Options,
) -> Result<()> {
    let names = classifier.class_names.names();
    let listed = options.top_k.max(html::CLASSES);
    let predictions = probabilities.map(|found| top_k(found, names, listed));
    page.add(Shown {
        path: &input.path,
        outcome: predictions.as_deref().map_err(|problem| problem.as_str()),
        class: input.class,
        is_uncertain: probabilities.is_ok_and(|found| !options.is_certain(found)),
        warning: found.warning.map(|warning| warning.to_string()),
        thumbnail: found.thumbnail,
    })
}

fn write(
    input: &Input,
    probabilities: Result<&[f32], String>,
    extra: Classified<'_>,
    classifier: &Classifier,
    options: &Options,
    writer: &mut dyn Writer,
    report: &mut Report,
) -> Result<()> {
    match probabilities {
        Ok(probabilities) => {
            report.classified += 1;
            if let Some(class) = input.class {
                report.count_class(probabilities, class, options.threshold);
            }
            report.uncertain += usize::from(!options.is_certain(probabilities));
            let predictions = top_k(probabilities, classifier.class_names.names(), options.top_k);
            let found = Classified {
                logits: extra.logits,
                features: extra.features,
                ..Classified::new(&predictions, options.threshold)
            };
            writer.image(&input.path, Ok(&found))
        }
        Err(problem) => {
            report.failed += 1;
            log::log!(report::level(options.bad_images), "`{}`: {problem}", name(input));
            writer.image(&input.path, Err(&problem))
        }
    }
}

/// An input's path, for a message.
fn name(input: &Input) -> String {
    output::printable(&output::path_text(&input.path)).into_owned()
}
