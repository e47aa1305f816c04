//! From decoded chunks to results: gives them to the engines, waits, and writes what was found.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use mbn_cli::interrupt;
use mbn_engine::images::Images;
use mbn_engine::lanes::Batch;
use mbn_model::first_class;

use crate::hints;
use crate::html::{self, Shown};
use crate::inputs::Input;
use crate::options::Options;
use crate::output::{self, Writer};
use crate::pipeline::{self, Chunk, Event, Found};
use crate::predictions::{Classified, top_k};
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
        let (mut outputs, features) = self.outputs(&chunk)?;
        let check = self.classifier.check.as_ref();
        // Probabilities are computed in place.
        let to_check = check.filter(|check| check.is_wanted()).map(|_| outputs.clone());
        let start = Instant::now();
        let classifier = &mut self.classifier;
        let mut rows = outputs.chunks_mut(classifier.lanes.classes());
        let mut features = classifier.lanes.features().map(|len| features.chunks(len));
        for (input, outcome) in chunk.inputs.iter().zip(chunk.outcomes) {
            match outcome {
                Ok(found) => {
                    if let Some(warning) = &found.warning {
                        log::warn!("`{}`: {warning}", name(input));
                    }
                    let features = features.as_mut().and_then(Iterator::next);
                    self.image(input, rows.next(), features, found)?;
                }
                Err(problem) => self.record(input, Err(problem), Classified::default(), Found::default())?,
            }
        }
        let written = self.writer.flush();
        written.with_context(|| output::cannot_write(self.options.output.as_deref()))?;
        self.report.writing += start.elapsed();
        self.bar.inc(chunk.inputs.len() as u64);
        match to_check {
            Some(outputs) => self.check(&chunk.images, &chunk.batches, &outputs),
            None => Ok(()),
        }
    }

    /// Compares the outputs of a chunk's batches with candle's.
    fn check(&mut self, images: &Images, batches: &[Batch], mut outputs: &[f32]) -> Result<()> {
        let classes = self.classifier.lanes.classes();
        let start = Instant::now();
        for batch in batches {
            let found = outputs.split_off(..batch.len() * classes).unwrap_or_default();
            if let Some(check) = &mut self.classifier.check {
                check.compare(images.pixels().range(batch.values()), batch.len(), found)?;
            }
        }
        self.report.checking += start.elapsed();
        Ok(())
    }

    /// The engines' outputs for a chunk, [images, classes], and its pooled features, if they are wanted.
    fn outputs(&mut self, chunk: &InFlight) -> Result<(Vec<f32>, Vec<f32>)> {
        let (classifier, report) = (&mut self.classifier, &mut self.report);
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
            outputs.extend(found);
            features.extend(done.features);
        }
        Ok((outputs, features))
    }

    /// Records a decoded image with the engine's row of outputs for it.
    fn image(
        &mut self,
        input: &Input,
        row: Option<&mut [f32]>,
        features: Option<&[f32]>,
        found: Found,
    ) -> Result<()> {
        // Probabilities are computed in place.
        let logits = row
            .as_deref()
            .filter(|_| self.options.logits)
            .map(<[f32]>::to_vec);
        let probabilities = probabilities(row, self.classifier.scores);
        let extra = Classified {
            logits: logits.as_deref(),
            features,
            ..Classified::default()
        };
        self.record(input, probabilities, extra, found)
    }

    /// Gives a result to everything that wants it.
    fn record(
        &mut self,
        input: &Input,
        probabilities: Result<Cow<'_, [f32]>, String>,
        extra: Classified<'_>,
        found: Found,
    ) -> Result<()> {
        let probabilities = probabilities.as_ref().map(|found| &**found).map_err(Clone::clone);
        let first = probabilities.as_deref().ok().and_then(first_class);
        if let (Some(sorter), Some(class)) = (&mut self.report.sorter, first) {
            let is_certain = self
                .options
                .is_certain(probabilities.as_deref().unwrap_or_default());
            // Uncertain pictures have a folder behind those of the classes.
            let uncertain = self.classifier.class_names.names().len();
            let folder = if is_certain { class } else { uncertain };
            sorter.add(&input.path, input.bytes.as_deref(), folder)?;
        }
        self.show(input, probabilities.as_deref(), found)
            .with_context(|| output::cannot_write(self.options.html.as_deref()))?;
        let written = self.write(input, probabilities, extra);
        written.with_context(|| output::cannot_write(self.options.output.as_deref()))
    }

    /// Adds a result to the page, if there is one.
    fn show(&mut self, input: &Input, probabilities: Result<&[f32], &String>, found: Found) -> Result<()> {
        let Some(page) = &mut self.report.page else {
            return Ok(());
        };
        let names = self.classifier.class_names.names();
        let listed = self.options.top_k.max(html::CLASSES);
        let predictions = probabilities.map(|found| top_k(found, names, listed));
        page.add(Shown {
            path: &input.path,
            outcome: predictions.as_deref().map_err(|problem| problem.as_str()),
            class: input.class,
            is_uncertain: probabilities.is_ok_and(|found| !self.options.is_certain(found)),
            warning: found.warning.map(|warning| warning.to_string()),
            thumbnail: found.thumbnail,
        })
    }

    fn write(
        &mut self,
        input: &Input,
        probabilities: Result<&[f32], String>,
        extra: Classified<'_>,
    ) -> Result<()> {
        let (options, report) = (self.options, &mut self.report);
        match probabilities {
            Ok(probabilities) => {
                report.classified += 1;
                if let Some(class) = input.class {
                    report.count_class(probabilities, class, options.threshold);
                }
                report.uncertain += usize::from(!options.is_certain(probabilities));
                let class_names = self.classifier.class_names.names();
                let predictions = top_k(probabilities, class_names, options.top_k);
                let found = Classified {
                    logits: extra.logits,
                    features: extra.features,
                    ..Classified::new(&predictions, options.threshold)
                };
                self.writer.image(&input.path, Ok(&found))
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
    scores.probabilities(row)
}

/// An input's path, for a message.
fn name(input: &Input) -> String {
    output::printable(&output::path_text(&input.path)).into_owned()
}
