//! ONNX Runtime as the engine: its library, and the network in its sessions.

use std::sync::Arc;

use anyhow::{Context, Result};
use mbn_cli::{DeviceChoice, Hint};
use mbn_engine::CudaNetwork;
use mbn_engine::cuda::Folders;
use mbn_engine::engine::{CudaOptions, ModelSource, OrtEngine, Provider, Reading, SessionOptions};
use mbn_engine::lanes::Lanes;
use mbn_engine::runtime::{Runtime, RuntimeError, Search};
use mbn_onnx::foreign::Ending;
use mbn_onnx::{ExportOptions, export};

use super::loaded::{Loaded, built};
use super::own_device::OwnDevice;
use crate::hints;
use crate::model::{Content, Model};
use crate::options::{EngineKind, Options};

/// Starts to load ONNX Runtime beside what else is to be prepared; `None` if candle classifies alone.
pub(super) fn search(options: &Options) -> Result<Option<Search>> {
    if options.engine == Some(EngineKind::Candle) {
        return Ok(None);
    }
    let wants_cuda = match options.device.device {
        DeviceChoice::Cpu => false,
        DeviceChoice::Auto | DeviceChoice::Cuda(_) => true,
    };
    let search = Search::start(options.ort_lib.as_deref(), wants_cuda);
    Ok(Some(search.context("cannot start a thread")?))
}

/// ONNX Runtime when it is loaded; `None` if it was not found and candle may classify alone.
pub(super) fn found(search: Search, options: &Options) -> Result<Option<Runtime>> {
    let device = options.device.device;
    let found = search.wait();
    let optional = !options.needs_onnx_runtime() && !matches!(device, DeviceChoice::Cuda(_));
    match found {
        Ok(runtime) => Ok(Some(runtime)),
        Err(error @ RuntimeError::NotFound) if optional => {
            let hint = hints::of_runtime(&error);
            log::warn!("ONNX Runtime was not found, candle classifies alone\nhint: {hint}");
            Ok(None)
        }
        Err(error) if matches!(device, DeviceChoice::Cuda(_)) => {
            let hint = match error {
                RuntimeError::NotFound => {
                    "`make onnxruntime-cuda` gets ONNX Runtime with its CUDA provider".to_owned()
                }
                _ => hints::of_runtime(&error),
            };
            Err(error).with_context(|| not_available(device)).hint(|| hint)
        }
        Err(error) => {
            let hint = hints::of_runtime(&error);
            Err(error).hint(|| hint)
        }
    }
}

fn not_available(device: DeviceChoice) -> String {
    format!("`--device {device}` is not available")
}

/// A model, and how it is run.
pub(super) struct Task<'a> {
    pub(super) model: &'a Model,
    /// What ONNX Runtime loads for it.
    pub(super) source: ModelSource,
    /// What its graph shows.
    pub(super) reading: Reading,
    /// Height and width of the images, unless its input fixes them.
    pub(super) size: usize,
    pub(super) runtime: &'a Runtime,
    pub(super) options: &'a Options,
    /// Images that an engine takes at once, if the model decides it.
    pub(super) batch: Option<usize>,
    /// Threads that compute on the CPU.
    pub(super) threads: usize,
}

/// The network in ONNX Runtime, and the device with the reason for it.
pub(super) fn load(task: &Task<'_>) -> Result<(Loaded, String)> {
    let (source, options) = (&task.source, task.options);
    let choice = options.device.device;
    let OwnDevice { index, why } = OwnDevice::of(options);
    match choice {
        DeviceChoice::Cpu => Ok((on_cpu(task, source)?, String::new())),
        DeviceChoice::Cuda(_) => {
            let loaded = on_cuda(task, source, index);
            let loaded = loaded.with_context(|| not_available(DeviceChoice::Cuda(index)));
            Ok((hints::with_cuda_hint(loaded)?, String::new()))
        }
        DeviceChoice::Auto => match on_cuda(task, source, index) {
            Ok(loaded) => Ok((loaded, format!("cuda:{index}, {why}"))),
            Err(error) => {
                let why = format!("cpu, since {error:#}");
                Ok((on_cpu(task, source)?, why))
            }
        },
    }
}

fn on_cuda(task: &Task<'_>, source: &ModelSource, device: usize) -> Result<Loaded> {
    let Task {
        model,
        reading,
        options,
        ..
    } = task;
    let cuda = CudaOptions {
        device,
        tf32: options.cuda.tf32,
        search: options.cuda.cudnn_search.map(Into::into).unwrap_or_default(),
        graph: options.cuda.cuda_graph,
        prefer_nhwc: options.cuda.prefer_nhwc,
        fuse_conv_bias: options.cuda.fuse_conv_bias,
    };
    let cuda = cuda.suited_to(model.precision());
    let folders = Folders::new(options.cuda.cuda_libs.as_deref());
    let batch = task.batch.unwrap_or_else(|| options.cuda_batch_len());
    let network = CudaNetwork::load(task.runtime, source, reading, cuda, &folders, task.size, batch)?;
    log::info!("placement: {}", network.placement);
    let (ending, in_per_cent) = made_by(reading, &network.output);
    Ok(Loaded {
        lanes: network.lanes,
        batch,
        input_size: network.input_size,
        ending,
        in_per_cent,
        output: network.output,
        provider: Provider::Cuda(cuda),
        on_cuda: true,
        other_weights: None,
    })
}

/// The network on the CPU, for measuring.
pub(super) fn engine_on_cpu(model: &Model, runtime: &Runtime, threads: usize) -> Result<OrtEngine> {
    let reading = model.reading(None, model.class_names().map(<[_]>::len));
    session_on_cpu(model, &source(model, false)?, runtime, &reading, threads)
}

fn session_on_cpu(
    model: &Model,
    source: &ModelSource,
    runtime: &Runtime,
    reading: &Reading,
    threads: usize,
) -> Result<OrtEngine> {
    let session = SessionOptions {
        threads,
        provider: Provider::Cpu,
        batch: None,
    };
    let engine = OrtEngine::load(runtime, source, &session, reading)
        .with_context(|| format!("{} cannot be used", model.name()));
    match model.missing_files().as_slice() {
        [] => hints::with_engine_hint(engine, hints::Fed::default()),
        missing => engine.hint(|| hints::of_missing(missing)),
    }
}

/// What makes the values of an output, and whether they are the hundredfold of that.
fn made_by(reading: &Reading, output: &str) -> (Ending, bool) {
    match reading.heads.per_cent(output) {
        Some(ending) => (ending, true),
        None => (reading.heads.ending(output), false),
    }
}

fn on_cpu(task: &Task<'_>, source: &ModelSource) -> Result<Loaded> {
    let Task { model, reading, .. } = task;
    let provider = Provider::Cpu;
    let engine = session_on_cpu(model, source, task.runtime, reading, task.threads)?;
    let (input_size, output) = (engine.input_size(), engine.output_name().to_owned());
    let (ending, in_per_cent) = made_by(reading, &output);
    Ok(Loaded {
        lanes: Lanes::start([built(engine)])?,
        batch: task.batch.unwrap_or_else(|| task.options.batch_len()),
        input_size,
        ending,
        in_per_cent,
        output,
        provider,
        on_cuda: false,
        other_weights: None,
    })
}

/// What ONNX Runtime loads for the model. Weights become a graph that gives features, if they are wanted.
pub(super) fn source(model: &Model, features: bool) -> Result<ModelSource> {
    match model.content() {
        Content::Onnx(path, _) => Ok(ModelSource::File(path.clone())),
        Content::Weights(weights) => {
            let options = ExportOptions {
                features,
                ..ExportOptions::default()
            };
            let onnx =
                export(weights, &options).with_context(|| format!("{} cannot be exported", model.name()))?;
            Ok(ModelSource::Bytes(Arc::from(onnx.to_bytes())))
        }
    }
}
