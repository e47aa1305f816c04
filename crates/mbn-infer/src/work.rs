//! From decoded chunks to results: gives them to the engines, waits, and writes what was found.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use mbn_cli::interrupt;
use mbn_engine::images::Images;
use mbn_engine::lanes::Batch;
use mbn_model::first_class;

use crate::hints;
use crate::inputs::Input;
use crate::options::Options;
use crate::output::{self, Writer};
use crate::pipeline::{self, Chunk, Event};
use crate::predictions::top_k;
use crate::report::{self, Report};
use crate::scores::Scores;
use crate::setup::Classifier;

/// Chunks that the engines work on while the results of the one before are written, so that they never wait.
const AHEAD: usize = 1;

/// The user asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// A chunk whose batches are with the engines.
pub(crate) struct InFlight {
    inputs: Vec<Input>,
    outcomes: Vec<pipeline::Outcome>,
    images: Arc<Images>,
    batches: Vec<Batch>,
}

/// What turns decoded chunks into results.
pub(crate) struct Work<'a> {
    pub(crate) options: &'a Options,
    pub(crate) classifier: &'a mut Classifier,
    pub(crate) writer: Box<dyn Writer>,
    pub(crate) report: Report,
    pub(crate) bar: ProgressBar,
    pub(crate) in_flight: VecDeque<InFlight>,
}

impl Work<'_> {
    /// Does what the pipeline's event asks for.
    pub(crate) fn on(&mut self, event: Event) -> Result<()> {
        if interrupt::requested() {
            return Err(Interrupted.into());
        }
        match event {
            Event::Chunk(chunk) => {
                let chunk = self.submit(chunk);
                self.in_flight.push_back(chunk);
                if self.in_flight.len() > AHEAD
                    && let Some(oldest) = self.in_flight.pop_front()
                {
                    self.finish(oldest)?;
                }
            }
            Event::Idle => self.finish_all()?,
            Event::Waiting => {}
        }
        self.bar.tick();
        Ok(())
    }

    /// Gives a chunk's images to the engines, batch by batch.
    fn submit(&mut self, chunk: Chunk) -> InFlight {
        let classifier = &mut self.classifier;
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

    /// Waits for all chunks, and writes what was found.
    pub(crate) fn finish_all(&mut self) -> Result<()> {
        while let Some(oldest) = self.in_flight.pop_front() {
            self.finish(oldest)?;
        }
        Ok(())
    }

    /// Waits for a chunk's batches, and writes what was found.
    fn finish(&mut self, chunk: InFlight) -> Result<()> {
        let classifier = &mut self.classifier;
        let classes = classifier.lanes.classes();
        let mut outputs = Vec::with_capacity(chunk.outcomes.len() * classes);
        for batch in &chunk.batches {
            let done = batch.wait();
            self.report.inference += done.elapsed;
            let found = done
                .logits
                .with_context(|| format!("{} failed", classifier.lanes.describe()));
            let found = hints::with_engine_hint(found)?;
            if let Some(check) = &mut classifier.check {
                let images = chunk.images.pixels().range(batch.values());
                check.compare(images, batch.len(), &found)?;
            }
            outputs.extend(found);
        }
        if classifier.scores.correct(&outputs, classes) {
            log::info!("output: its values are in [0, 1] and sum to 1: they are taken for probabilities");
        }
        let mut rows = outputs.chunks_mut(classes);
        for (input, outcome) in chunk.inputs.iter().zip(chunk.outcomes) {
            let probabilities = match outcome {
                Ok(warning) => {
                    if let Some(warning) = warning {
                        log::warn!("`{}`: {warning}", name(input));
                    }
                    probabilities(rows.next(), self.classifier.scores)
                }
                Err(problem) => Err(problem),
            };
            let probabilities = probabilities.as_ref().map(|found| &**found).map_err(Clone::clone);
            let first = probabilities.as_deref().ok().and_then(first_class);
            if let (Some(sorter), Some(class)) = (&mut self.report.sorter, first) {
                sorter.add(&input.path, input.bytes.as_deref(), class)?;
            }
            let written = self.write(input, probabilities);
            written.with_context(|| output::cannot_write(self.options.output.as_deref()))?;
        }
        let written = self.writer.flush();
        written.with_context(|| output::cannot_write(self.options.output.as_deref()))?;
        self.bar.inc(chunk.inputs.len() as u64);
        Ok(())
    }

    fn write(&mut self, input: &Input, probabilities: Result<&[f32], String>) -> Result<()> {
        let (options, report) = (self.options, &mut self.report);
        match probabilities {
            Ok(probabilities) => {
                report.classified += 1;
                if let Some(class) = input.class {
                    report.count_class(probabilities, class);
                }
                let class_names = self.classifier.class_names.names();
                let predictions = top_k(probabilities, class_names, options.top_k);
                self.writer.image(&input.path, Ok(&predictions))
            }
            Err(problem) => {
                report.failed += 1;
                // The last line counts them.
                if !options.common.quiet {
                    log::log!(report::level(options.bad_images), "`{}`: {problem}", name(input));
                }
                self.writer.image(&input.path, Err(&problem))
            }
        }
    }
}

/// One image's probabilities from the engine's row of outputs.
fn probabilities(row: Option<&mut [f32]>, scores: Scores) -> Result<Cow<'_, [f32]>, String> {
    let row = row.ok_or("the engine gave no output for it")?;
    if !row.iter().all(|value| value.is_finite()) {
        return Err("the network's output for it is not finite".to_owned());
    }
    Ok(scores.probabilities(row))
}

/// An input's path, for a message.
fn name(input: &Input) -> String {
    output::printable(&output::path_text(&input.path)).into_owned()
}
