//! Puts together what classifies: model, engines, device and the check against candle.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use candle_core::Device;
use mbn_cli::{DeviceChoice, Hint};
use mbn_onnx::{ExportOptions, PROBABILITIES, export};
use mbn_spec::{Folded, Preprocess, default_class_names};

use crate::cuda::{CudaError, CudaNetwork, Folders};
use crate::engine::{
    CandleEngine, CudaOptions, Engine, EngineError, OrtEngine, Provider, SessionOptions, Source,
};
use crate::lanes::{Build, Lanes};
use crate::model::{Content, Model};
use crate::options::{EngineKind, Options, ParityScope};
use crate::parity::{Parity, Tolerance};
use crate::reference;
use crate::runtime::{self, Runtime, RuntimeError};

/// What classifies.
pub struct Classifier {
    /// Run the network.
    pub lanes: Lanes,
    /// Images that an engine takes at once.
    pub batch: usize,
    /// Class names in the order of the outputs.
    pub class_names: Vec<String>,
    /// How pictures become the network's input.
    pub preprocess: Preprocess,
    /// The engine gives probabilities instead of logits.
    pub probabilities: bool,
    /// Compares the engine with candle.
    pub parity: Option<Parity>,
}

/// A network in its engines.
struct Loaded {
    lanes: Lanes,
    batch: usize,
    input_size: Option<usize>,
    probabilities: bool,
    provider: Provider,
    on_cuda: bool,
}

/// Loads the model that the options name into the engine that they allow, and says so on stderr.
///
/// # Errors
/// A model, engine, device or reference that the options name cannot be had.
pub fn classifier(options: &Options) -> Result<Classifier> {
    let model = Model::open(options.model.as_deref())?;
    let runtime = find_runtime(options)?;
    log::info!("model: {model}");
    let (loaded, device) = match &runtime {
        Some(runtime) => with_onnx_runtime(&model, runtime, options)?,
        None => with_candle(&model, options)?,
    };
    let from = runtime
        .as_ref()
        .map(|runtime| format!(" from `{}`", runtime.path_from_here().display()));
    log::info!("engine: {}{}", loaded.lanes.describe(), from.unwrap_or_default());
    if options.common.device == DeviceChoice::Auto {
        log::info!("device: {device}");
    }
    if !loaded.on_cuda
        && let Some(settings) = options.cuda_settings()
    {
        log::warn!("{settings} no effect, since no CUDA device is used");
    }
    let parity = match &runtime {
        Some(_) => parity(&model, options, &loaded)?,
        None => None,
    };
    let names = model.class_names().map(<[String]>::to_vec);
    Ok(Classifier {
        class_names: names.unwrap_or_else(|| default_class_names(loaded.lanes.classes())),
        preprocess: model.preprocess(loaded.input_size),
        probabilities: loaded.probabilities,
        batch: loaded.batch,
        lanes: loaded.lanes,
        parity,
    })
}

/// The result, whose error carries advice if it is one of CUDA's.
pub(crate) fn with_hint<T>(result: Result<T>) -> Result<T> {
    let hint = result
        .as_ref()
        .err()
        .and_then(CudaError::in_chain)
        .map(CudaError::hint);
    match hint {
        Some(hint) => result.hint(|| hint),
        None => result,
    }
}

/// ONNX Runtime, if it is wanted and can be had.
fn find_runtime(options: &Options) -> Result<Option<Runtime>> {
    if options.engine == Some(EngineKind::Candle) {
        return Ok(None);
    }
    let device = options.common.device;
    let found = match device {
        DeviceChoice::Cpu => runtime::find(options.ort_lib.as_deref()),
        DeviceChoice::Auto | DeviceChoice::Cuda(_) => runtime::find_with_cuda(options.ort_lib.as_deref()),
    };
    let may_do_without =
        options.engine.is_none() && !wants_parity(options) && !matches!(device, DeviceChoice::Cuda(_));
    match found {
        Ok(runtime) => Ok(Some(runtime)),
        Err(RuntimeError::NotFound) if may_do_without => {
            let hint = RuntimeError::NotFound.hint();
            log::warn!("ONNX Runtime was not found, candle classifies alone\nhint: {hint}");
            Ok(None)
        }
        Err(error) if matches!(device, DeviceChoice::Cuda(_)) => {
            let hint = match error {
                RuntimeError::NotFound => {
                    "`make onnxruntime-cuda` gets ONNX Runtime with its CUDA provider".to_owned()
                }
                _ => error.hint(),
            };
            Err(error)
                .with_context(|| format!("`--device {device}` cannot be had"))
                .hint(|| hint)
        }
        Err(error) => {
            let hint = error.hint();
            Err(error).hint(|| hint)
        }
    }
}

/// Whether the user asked for the check, which candle alone cannot make.
fn wants_parity(options: &Options) -> bool {
    options.parity.is_some_and(|scope| scope != ParityScope::Off)
}

/// The network in ONNX Runtime, and the device with the reason for it.
fn with_onnx_runtime(model: &Model, runtime: &Runtime, options: &Options) -> Result<(Loaded, String)> {
    let source = source(model)?;
    match options.common.device {
        DeviceChoice::Cpu => Ok((on_cpu(model, runtime, &source, options)?, String::new())),
        DeviceChoice::Cuda(device) => {
            let loaded = on_cuda(model, runtime, &source, options, device)
                .with_context(|| format!("`--device {}` cannot be had", options.common.device));
            Ok((with_hint(loaded)?, String::new()))
        }
        DeviceChoice::Auto => match on_cuda(model, runtime, &source, options, 0) {
            Ok(loaded) => Ok((loaded, "cuda:0, the first CUDA device".to_owned())),
            Err(error) => {
                let why = format!("cpu, since {error:#}");
                Ok((on_cpu(model, runtime, &source, options)?, why))
            }
        },
    }
}

fn on_cuda(
    model: &Model,
    runtime: &Runtime,
    source: &Source,
    options: &Options,
    device: usize,
) -> Result<Loaded> {
    let cuda = CudaOptions {
        device,
        tf32: options.tf32,
        search: options.cudnn_search.unwrap_or_default(),
        graph: options.cuda_graph,
    };
    let folders = Folders::new(options.cuda_libs.as_deref());
    let (size, batch) = (model.preprocess(None).size, options.cuda_batch_len());
    let network = CudaNetwork::load(runtime, source, cuda, &folders, size, batch)?;
    log::info!("placement: {}", network.placement);
    Ok(Loaded {
        lanes: network.lanes,
        batch,
        input_size: network.input_size,
        probabilities: network.probabilities,
        provider: Provider::Cuda(cuda),
        on_cuda: true,
    })
}

fn on_cpu(model: &Model, runtime: &Runtime, source: &Source, options: &Options) -> Result<Loaded> {
    let provider = Provider::Cpu;
    let session = SessionOptions {
        threads: options.common.thread_count(),
        provider,
        batch: None,
    };
    let engine = OrtEngine::load(runtime, source, &session).map_err(|error| cannot_be_used(model, error))?;
    let (input_size, probabilities) = (engine.input_size(), engine.output_name() == PROBABILITIES);
    Ok(Loaded {
        lanes: Lanes::start([built(engine)])?,
        batch: options.batch_len(),
        input_size,
        probabilities,
        provider,
        on_cuda: false,
    })
}

/// The network in candle, and the device with the reason for it.
fn with_candle(model: &Model, options: &Options) -> Result<(Loaded, String)> {
    let opened = options.common.device.open()?;
    let why = match (opened.index, &opened.unavailable) {
        (Some(_), _) => format!("cuda:0, the first CUDA device ({})", opened.name()),
        (None, Some(cause)) => format!("cpu, since {cause}"),
        (None, None) => String::new(),
    };
    let device = opened.device;
    mbn_ops::allow_tf32(options.tf32);
    let engine = CandleEngine::on(&candle_weights(model, options)?, &device)?;
    let loaded = Loaded {
        lanes: Lanes::start([built(engine)])?,
        batch: if device.is_cuda() {
            options.cuda_batch_len()
        } else {
            options.batch_len()
        },
        input_size: None,
        probabilities: false,
        provider: Provider::Cpu,
        on_cuda: device.is_cuda(),
    };
    Ok((loaded, why))
}

fn built(engine: impl Engine + Send + 'static) -> Build {
    Box::new(|| Ok(Box::new(engine)))
}

fn cannot_be_used(model: &Model, error: EngineError) -> anyhow::Error {
    anyhow!(error).context(format!("{} cannot be used", model.name()))
}

/// What ONNX Runtime loads for the model.
fn source(model: &Model) -> Result<Source> {
    match model.content() {
        Content::Onnx(path, _) => Ok(Source::File(path.clone())),
        Content::Weights(weights) => {
            let onnx = export(weights, &ExportOptions::default())
                .with_context(|| format!("{} cannot be exported", model.name()))?;
            Ok(Source::Bytes(Arc::from(onnx.to_bytes())))
        }
    }
}

/// The weights with which candle classifies in the model's place: those that the user names, else the model's own.
fn candle_weights(model: &Model, options: &Options) -> Result<Folded> {
    let onnx = match model.content() {
        Content::Onnx(_, onnx) if options.weights.is_none() => onnx,
        _ => {
            let found = reference::find(model, options.weights.as_deref())?;
            let found = found.with_context(|| format!("{} has no weights", model.name()))?;
            if options.weights.is_some() {
                log::info!("weights: {}", found.name);
            }
            return Ok(found.weights.fold());
        }
    };
    let error = match onnx.to_folded() {
        Ok(weights) => {
            log::info!("weights: those in {}", model.name());
            return Ok(weights);
        }
        Err(error) => error,
    };
    // What the file says of its origin is second best: it may have been changed since.
    if let Some(found) = reference::find(model, None)? {
        log::info!(
            "weights: {}, from which {} says that it was made; candle cannot take its own: {error}",
            found.name,
            model.name()
        );
        return Ok(found.weights.fold());
    }
    Err(error)
        .with_context(|| format!("candle cannot run {}", model.name()))
        .hint(|| "`make onnxruntime` gets an engine that can; `--weights` names the weights".to_owned())
}

/// The check against candle, unless it is off or there are no weights for it.
fn parity(model: &Model, options: &Options, loaded: &Loaded) -> Result<Option<Parity>> {
    let scope = options.parity.unwrap_or(ParityScope::First);
    if scope == ParityScope::Off {
        return Ok(None);
    }
    let Some(reference) = reference::find(model, options.weights.as_deref())? else {
        let error = anyhow!(
            "parity cannot be checked: the weights of {} were not found",
            model.name()
        );
        let hint = "`--weights FILE` names them; without, they are the file beside the model with the same stem, \
                    or one in `models/`";
        if options.parity.is_some() {
            return Err(error).hint(|| hint.to_owned());
        }
        log::warn!(
            "parity is not checked: the weights of {} were not found\nhint: {hint}",
            model.name()
        );
        return Ok(None);
    };
    let candle = CandleEngine::on(&reference.weights.fold(), &reference_device(&loaded.provider))?;
    log::debug!(
        "parity is checked with {} by {}",
        reference.name,
        candle.describe()
    );
    let tolerance = options.tolerance.map_or_else(
        || Tolerance::of(model.precision(), &loaded.provider),
        Tolerance::absolute,
    );
    Ok(Some(Parity::new(candle, scope, tolerance, loaded.probabilities)))
}

/// Where candle computes what ONNX Runtime's outputs are compared with: on the same device, where it can. In float32
/// also where ONNX Runtime may round to TF32: that rounding is what the tolerance is for.
fn reference_device(provider: &Provider) -> Device {
    match provider {
        Provider::Cpu => Device::Cpu,
        Provider::Cuda(cuda) => mbn_ops::open_cuda(cuda.device).unwrap_or_else(|cause| {
            log::debug!("parity is checked with candle on the CPU, since {cause}");
            Device::Cpu
        }),
    }
}
