//! The program: classifies the inputs chunk by chunk.

use std::collections::VecDeque;
use std::io::{IsTerminal, stdout};
use std::time::Instant;

use anyhow::{Context, Result};
use mbn_cli::{Outcome, check_output_file, check_output_folder, interrupt, progress};
use mbn_data::DecodeOptions;
use mbn_spec::text::counted;

use crate::bench;
use crate::check::Check;
use crate::evaluation::{self, Evaluation, Measured};
use crate::feed::Feed;
use crate::hints;
use crate::html::{About, Page};
use crate::inputs;
use crate::made_by::made_by;
use crate::options::{Command, Options};
use crate::output::{self, Beginning, Destination, Unfinished};
use crate::pipeline::Pipeline;
use crate::report::Report;
use crate::setup::{self, Classifier};
use crate::sorter::Sorter;
use crate::work::{Interrupted, Work};

const BAR: &str = "{bar:30} {pos}/{len} images, {per_sec}, {eta} left";
const BAR_WITHOUT_LENGTH: &str = "{spinner} {pos} images, {per_sec}";

/// Folder of `--sort-into` for the pictures under the threshold.
const UNCERTAIN: &str = "uncertain";

/// Classifies as the options say.
///
/// # Errors
/// The options, the model, the engine or the output cannot be used. An image that cannot be used is not an error: it is
/// reported, and makes the outcome [`Outcome::Partial`].
pub fn run(mut options: Options) -> Result<Outcome> {
    mbn_data::hide_caught_panics();
    if let Some(Command::Bench(bench)) = &options.command {
        return bench::run(bench);
    }
    options.resolve_stdout()?;
    options.validate()?;
    options.format().warn_of_name(options.output.as_deref());
    inputs::require_table(&options)?;
    // Before the guard is dropped, the program may wait forever for something that it reads or opens.
    let preparing = interrupt::install_preparing()?;
    let shard = options.resolve_shard()?;
    options.require_no_model()?;
    let outputs = options.outputs()?;
    options.require_sorted_apart()?;
    let destination = Destination::open(options.output.as_deref(), options.wants_more_than_results())?;
    let unfinished = Unfinished::of(&destination);
    if let Some(page) = &options.html {
        check_output_file(page)?;
    }
    for folder in [&options.sort_into, &options.evaluation].into_iter().flatten() {
        check_output_folder(folder)?;
    }
    options.libheif.load(mbn_data::read_heif)?;
    let mut classifier = setup::classifier(&options)?;
    let is_shown = progress::are_shown() && (options.output.is_some() || !stdout().is_terminal());
    let mut inputs = inputs::inputs(
        &options,
        &classifier.class_names,
        classifier.training.as_ref(),
        shard,
        is_shown,
    )?;
    let can_be_continued = unfinished.is_some() && options.form().partial_lines(1).is_some();
    let described = match can_be_continued || options.evaluation.is_some() {
        true => Some(made_by(&options, &classifier, shard)?),
        false => None,
    };
    let made_by = described.as_ref().filter(|_| can_be_continued);
    let mut report = Report::default();
    let beginning = match made_by {
        Some(made_by) if options.resume => {
            let classes = classifier.class_names.names();
            let rows = classifier.top_k(&options).min(classes.len());
            destination.resume(options.form(), rows, classes, made_by)?
        }
        _ => Beginning::New(destination.begin(options.form(), made_by)?),
    };
    let writer = match beginning {
        Beginning::New(writer) => writer,
        Beginning::Continued {
            writer,
            results,
            counts,
        } => {
            let name = output::shown(unfinished.as_ref().map(Unfinished::partial));
            log::info!(
                "{name} is continued after {}",
                counted(counts.inputs() as usize, "input")
            );
            report.earlier = counts;
            inputs = inputs.after(results, name);
            writer
        }
        Beginning::Complete(finished) => {
            let name = output::shown(options.output.as_deref());
            let said = finished.describe(&name, options.format());
            report.earlier = finished.counts;
            inputs.require_none_after(finished.results, name)?;
            log::info!("{said}");
            return Ok(report.outcome(None, options.bad_images));
        }
    };
    // Those that have results are not read again.
    let inputs = inputs.beside(outputs);
    drop(preparing);
    if let Some(folder) = &options.sort_into {
        let mut names = classifier.class_names.names().to_vec();
        if options.threshold.is_some() {
            if names.iter().any(|name| name == UNCERTAIN) {
                log::warn!(
                    "a class is called `{UNCERTAIN}`: `{}` is that class's folder, and pictures below the threshold get the folder \
                     `{UNCERTAIN}-{}`",
                    folder.join(UNCERTAIN).display(),
                    names.len()
                );
            }
            names.push(UNCERTAIN.to_owned());
        }
        report.sorter = Some(Sorter::new(folder, &names, options.sort_links)?);
    }
    report.page = page(&options, &classifier)?;
    if !is_shown {
        // The results themselves show the progress.
        progress::hide();
    }
    let threads = classifier.threads;
    let pipeline = pipeline(&options, &classifier);
    let template = inputs.total.map_or(BAR_WITHOUT_LENGTH, |_| BAR);
    let bar = progress::ticked_bar(inputs.total, template);
    bar.set_position(report.earlier.inputs());
    bar.reset_eta();
    let start = Instant::now();
    let feed = Feed::start(inputs.source, pipeline.capacity()).context("cannot start a thread")?;
    let mut work = Work {
        options: &options,
        classifier: &mut classifier,
        writer,
        report,
        bar,
        in_flight: VecDeque::new(),
        is_begun: false,
    };
    pipeline.want_thumbnails(work.report.page.is_some());
    let on = |event| {
        work.on(event)?;
        pipeline.want_thumbnails(work.report.page.as_ref().is_some_and(Page::wants_thumbnails));
        Ok(())
    };
    // The unfinished output that a run of so many inputs leaves if it ends here.
    let left = |inputs| {
        let unfinished = unfinished.as_ref().filter(|_| can_be_continued && inputs > 0)?;
        Some(output::shown(Some(unfinished.partial())))
    };
    let result = pipeline.run(&feed, on).and_then(|()| work.finish_all());
    work.bar.finish_and_clear();
    let interrupted = |inputs| {
        if let Some(name) = left(inputs) {
            let hint = if options.can_be_resumed() {
                "\nhint: `--resume` continues it"
            } else {
                ""
            };
            log::info!("{name} has the results so far{hint}");
        }
        Ok(Outcome::Interrupted)
    };
    match result {
        Err(error) if error.is::<Interrupted>() => return interrupted(work.report.inputs()),
        other => {
            let name = left(work.report.inputs()).filter(|_| options.can_be_resumed());
            hints::with_disk_hint(other, name)?;
        }
    }
    let (writer, mut report) = (work.writer, work.report);
    let elapsed = start.elapsed();
    feed.left_out().log();
    let written = writer.finish();
    if written.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
        return interrupted(report.inputs());
    }
    let written = written.with_context(|| output::cannot_write(options.output.as_deref()));
    let name = left(report.inputs()).filter(|_| options.can_be_resumed());
    hints::with_disk_hint(written, name)?;
    if let (Some(folder), Some(made_by)) = (&options.evaluation, described) {
        let names = classifier.class_names.names();
        let measured = Measured {
            model: &classifier.model,
            engine: classifier.lanes.describe(),
            paths: &options.paths,
            unusable: report.failed as u64,
            // The figures of each class have its name.
            made_by: &made_by.without("classes"),
        };
        let none = Evaluation::new(names.len());
        let evaluation = report.evaluation.as_ref().unwrap_or(&none);
        evaluation::write(evaluation, measured, names, folder)?;
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

/// The pipeline that decodes for the classifier.
fn pipeline(options: &Options, classifier: &Classifier) -> Pipeline {
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
        classifier.threads,
    );
    let pipeline = match classifier.resizes_exactly {
        true => pipeline.exactly(),
        false => pipeline,
    };
    match classifier.lanes.is_grey() {
        true => pipeline.grey(),
        false => pipeline,
    }
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
