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

use crate::hints;
use crate::html::{self, Shown};
use crate::inputs::Input;
use crate::options::Options;
use crate::output::{self, Writer};
use crate::pipeline::{self, Chunk, Event, Found, Held};
use crate::predictions::{Classified, Ranked, TrueClass};
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
    /// The memory of whole pictures, until they have results.
    _held: Held,
}

/// What turns decoded chunks into results.
pub(crate) struct Work<'a> {
    pub(crate) options: &'a Options,
    pub(crate) classifier: &'a mut Classifier,
    pub(crate) writer: Box<dyn Writer>,
    pub(crate) report: Report,
    pub(crate) bar: ProgressBar,
    pub(crate) in_flight: VecDeque<InFlight>,
    /// Outputs have been looked at.
    pub(crate) is_begun: bool,
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
            _held: chunk.held,
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
        self.look_at(&outputs);
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
                    self.report.reduced += usize::from(found.is_reduced);
                    if let Some(warning) = &found.warning {
                        log::warn!("`{}`: {warning}", name(input));
                    }
                    let features = features.as_mut().and_then(Iterator::next);
                    self.image(input, rows.next(), features, found)?;
                }
                Err(failure) => {
                    failure.require_of_input(&name(input))?;
                    let problem = Err(failure.problem.as_str());
                    self.record(input, problem, Classified::default(), Found::default())?;
                }
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

    /// Looks at the first outputs, whether they are what the graph shows.
    fn look_at(&mut self, outputs: &[f32]) {
        if outputs.is_empty() || std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let classifier = &self.classifier;
        if let Some(sum) = classifier.scores.wrong_sum(outputs, classifier.lanes.classes()) {
            log::warn!(
                "the model's probabilities sum to {sum:.3} for an image, expected 1, so labels and probabilities are likely wrong: it \
                 ends in softmax, perhaps over another axis than that of the classes\n\
                 hint: export the model with softmax over the classes, or without softmax"
            );
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
            let fed = hints::Fed {
                batch: batch.len(),
                open_size: classifier.open_size,
            };
            let found = hints::with_engine_hint(found, fed)?;
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
        let outputs = row.as_deref().unwrap_or_default().to_vec();
        let probabilities = probabilities(row, self.classifier.scores);
        let ranked = match &probabilities {
            Ok(probabilities) => Ok(Ranked::new(probabilities, &outputs)),
            Err(problem) => Err(problem.as_str()),
        };
        let extra = Classified {
            logits: self.options.logits.then_some(outputs.as_slice()),
            features,
            ..Classified::default()
        };
        self.record(input, ranked, extra, found)
    }

    /// Gives a result to everything that wants it.
    fn record(
        &mut self,
        input: &Input,
        ranked: Result<Ranked<'_>, &str>,
        extra: Classified<'_>,
        found: Found,
    ) -> Result<()> {
        if let (Some(sorter), Ok(ranked)) = (&mut self.report.sorter, ranked)
            && let Some(class) = ranked.first()
        {
            let is_certain = self.options.is_certain(ranked.probabilities);
            // Uncertain pictures have a folder behind those of the classes.
            let uncertain = self.classifier.class_names.names().len();
            let folder = if is_certain { class } else { uncertain };
            sorter.add(&input.path, input.bytes.as_deref(), folder)?;
        }
        self.show(input, ranked, found)
            .with_context(|| output::cannot_write(self.options.html.as_deref()))?;
        let written = self.write(input, ranked, extra);
        written.with_context(|| output::cannot_write(self.options.output.as_deref()))
    }

    /// Adds a result to the page, if there is one.
    fn show(&mut self, input: &Input, ranked: Result<Ranked<'_>, &str>, found: Found) -> Result<()> {
        let Some(page) = &mut self.report.page else {
            return Ok(());
        };
        let names = self.classifier.class_names.names();
        let top_k = self.classifier.top_k(self.options);
        let listed = |ranked: Ranked<'_>| {
            // The page lists what is written, and some classes more.
            let top = ranked.top_k(names, top_k.max(html::CLASSES));
            let written = Classified::new(&top[..top.len().min(top_k)], self.options.threshold)
                .predictions
                .len();
            top[..top.len().min(written.max(html::CLASSES))].to_vec()
        };
        let predictions = ranked.map(listed);
        page.add(Shown {
            path: &input.path,
            outcome: predictions.as_deref().map_err(|problem| *problem),
            class: input.class,
            is_uncertain: ranked.is_ok_and(|ranked| !self.options.is_certain(ranked.probabilities)),
            warning: found.warning.map(|warning| warning.to_string()),
            thumbnail: found.thumbnail,
        })
    }

    fn write(
        &mut self,
        input: &Input,
        ranked: Result<Ranked<'_>, &str>,
        extra: Classified<'_>,
    ) -> Result<()> {
        let (options, report) = (self.options, &mut self.report);
        let class_names = self.classifier.class_names.names();
        let class = input.class.map(|index| TrueClass {
            label: class_names.get(index).map_or("", String::as_str),
            index,
        });
        match ranked {
            Ok(ranked) => {
                report.classified += 1;
                if let Some(class) = input.class {
                    report.count_class(ranked, class, options.threshold);
                }
                report.uncertain += usize::from(!options.is_certain(ranked.probabilities));
                let predictions = ranked.top_k(class_names, self.classifier.top_k(options));
                let found = Classified {
                    logits: extra.logits,
                    features: extra.features,
                    ..Classified::new(&predictions, options.threshold)
                };
                self.writer.image(&input.path, class, Ok(&found))
            }
            Err(problem) => {
                report.failed += 1;
                // The last line counts them.
                if !options.common.quiet {
                    log::log!(report::level(options.bad_images), "`{}`: {problem}", name(input));
                }
                self.writer.image(&input.path, class, Err(problem))
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
