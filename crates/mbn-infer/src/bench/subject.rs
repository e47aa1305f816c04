//! A model in an engine, with pictures for it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mbn_cli::Hint;
use mbn_engine::engine::Engine;
use mbn_engine::images::{Picture, PixelBuffer, PixelType};
use mbn_engine::precision::ModelPrecision;
use mbn_engine::runtime::{self, Runtime, RuntimeError};
use mbn_spec::text::counted;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::figures::Described;
use crate::given::Given;
use crate::hints;
use crate::model::Model;
use crate::options::{BenchOptions, EngineKind};
use crate::preprocessing::Preprocessing;
use crate::setup;

/// A model in an engine.
pub(super) struct Subject {
    engine: Box<dyn Engine + Send>,
    /// The threads on which candle computes.
    pool: Option<ThreadPool>,
    model: String,
    precision: &'static str,
    threads: usize,
    size: usize,
    /// Images of a call, of each measurement.
    batches: Vec<usize>,
}

/// Every model in every engine with every number of threads. What an engine cannot run is left out with a warning.
pub(super) fn subjects(options: &BenchOptions) -> Result<Vec<Subject>> {
    let models = match options.models.as_slice() {
        [] => vec![Model::open(None, &Given::default())?],
        paths => {
            let open = |path: &PathBuf| Model::open(Some(path), &Given::default());
            paths.iter().map(open).collect::<Result<_>>()?
        }
    };
    let (runtime, engines) = engines(options)?;
    let cores = || vec![std::thread::available_parallelism().map_or(1, NonZeroUsize::get)];
    let threads = if options.threads.is_empty() {
        cores()
    } else {
        options.threads.clone()
    };
    let mut subjects = Vec::new();
    for model in &models {
        for kind in &engines {
            let batches = batches(model, *kind, &options.batch_size);
            for threads in &threads {
                match Subject::new(model, *kind, runtime.as_ref(), *threads, &batches) {
                    Ok(subject) => subjects.push(subject),
                    Err(error) => {
                        log::warn!("left out: {error:#}");
                        break;
                    }
                }
            }
        }
    }
    Ok(subjects)
}

/// The wanted images of a call, or as many as the model takes: ONNX Runtime would compute more pictures than the figures are of.
fn batches(model: &Model, kind: EngineKind, wanted: &[usize]) -> Vec<usize> {
    match model.fixed_batch().filter(|_| kind == EngineKind::Ort) {
        Some(fixed) if wanted != [fixed] => {
            log::warn!(
                "{} takes {} at once in ONNX Runtime and is measured with that batch alone",
                model.name(),
                counted(fixed, "image")
            );
            vec![fixed]
        }
        _ => wanted.to_vec(),
    }
}

/// ONNX Runtime, if it is wanted, and the engines to measure.
fn engines(options: &BenchOptions) -> Result<(Option<Runtime>, Vec<EngineKind>)> {
    let is_asked = options.engine.contains(&EngineKind::Ort);
    if !is_asked && !options.engine.is_empty() {
        return Ok((None, options.engine.clone()));
    }
    match runtime::find(options.ort_lib.as_deref()) {
        Ok(runtime) => {
            let default = || vec![EngineKind::Ort];
            let engines = if is_asked {
                options.engine.clone()
            } else {
                default()
            };
            Ok((Some(runtime), engines))
        }
        Err(error @ RuntimeError::NotFound) if !is_asked => {
            let hint = hints::of_runtime(&error);
            log::warn!("ONNX Runtime was not found, candle is measured alone\nhint: {hint}");
            Ok((None, vec![EngineKind::Candle]))
        }
        Err(error) => {
            let hint = hints::of_runtime(&error);
            Err(error).hint(|| hint)
        }
    }
}

impl Subject {
    fn new(
        model: &Model,
        kind: EngineKind,
        runtime: Option<&Runtime>,
        threads: usize,
        batches: &[usize],
    ) -> Result<Self> {
        let (engine, input_size, pool) = match (kind, runtime) {
            (EngineKind::Ort, Some(runtime)) => {
                let engine = setup::onnx_runtime_on_cpu(model, runtime, threads)?;
                let input_size = engine.input_size();
                (Box::new(engine) as Box<dyn Engine + Send>, input_size, None)
            }
            (EngineKind::Ort, None) => bail!("ONNX Runtime is not there"),
            (EngineKind::Candle, _) => {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build();
                let pool = pool.with_context(|| format!("cannot start {threads} threads"))?;
                (setup::candle_on_cpu(model)?, None, Some(pool))
            }
        };
        let preprocessing = Preprocessing::of(model, Given::default())?;
        Ok(Self {
            size: input_size.unwrap_or(preprocessing.size()),
            engine,
            pool,
            model: name(model),
            precision: match model.precision() {
                // candle computes the float32 weights that a float16 file was made from.
                ModelPrecision::Float16 if kind == EngineKind::Candle => "fp32",
                ModelPrecision::Float32 => "fp32",
                ModelPrecision::Float16 => "fp16",
                ModelPrecision::Int8 => "int8",
            },
            threads,
            batches: batches.to_vec(),
        })
    }

    /// Images of a call, of each measurement.
    pub(super) fn batches(&self) -> &[usize] {
        &self.batches
    }

    pub(super) fn described(&self, batch: usize) -> Described {
        Described {
            model: self.model.clone(),
            precision: self.precision,
            engine: self.engine.describe(),
            threads: self.threads,
            batch,
        }
    }

    /// Pictures of noise, the same for every call: the network's time does not depend on them.
    pub(super) fn images(&self, batch: usize) -> PixelBuffer {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let values = batch * 3 * self.size * self.size;
        match self.engine.pixel_type() {
            PixelType::Float => {
                PixelBuffer::Float((0..values).map(|_| f32::from(noise()) / 64.0 - 2.0).collect())
            }
            PixelType::Uint8 => PixelBuffer::Uint8((0..values).map(|_| noise()).collect()),
            PixelType::Pictures => {
                let picture = |_| Picture {
                    height: self.size,
                    width: self.size,
                    bytes: (0..values / batch).map(|_| noise()).collect(),
                };
                PixelBuffer::Pictures((0..batch).map(picture).collect())
            }
        }
    }

    /// Runs a batch.
    pub(super) fn call(&mut self, images: &PixelBuffer, batch: usize) -> Result<()> {
        let engine = &mut self.engine;
        let mut logits = || engine.logits(images.pixels(), batch);
        let found = match &self.pool {
            Some(pool) => pool.install(logits),
            None => logits(),
        };
        let fed = hints::Fed {
            batch,
            ..hints::Fed::default()
        };
        hints::with_engine_hint(found.map(drop).map_err(Into::into), fed)
    }
}

/// A short name for a row: of a file the last part of its path.
fn name(model: &Model) -> String {
    let text = model.name();
    match text.strip_prefix('`').and_then(|text| text.strip_suffix('`')) {
        Some(path) => Path::new(path)
            .file_name()
            .map_or_else(|| path.to_owned(), |last| last.to_string_lossy().into_owned()),
        None => "built-in".to_owned(),
    }
}
