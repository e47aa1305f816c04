//! Puts together what classifies: model, engine, device and the check against candle.

use anyhow::{Context, Result, anyhow};
use mbn_cli::{DeviceChoice, Hint};
use mbn_onnx::{ExportOptions, PROBABILITIES, export};
use mbn_spec::{Folded, Preprocess, default_class_names};

use crate::engine::{CandleEngine, Engine, EngineError, OrtEngine};
use crate::model::{Content, Model};
use crate::options::{EngineKind, Options, ParityScope};
use crate::parity::{Parity, Tolerance};
use crate::reference;
use crate::runtime::{self, Runtime, RuntimeError};

/// What classifies.
pub struct Classifier {
    /// Runs the network.
    pub engine: Box<dyn Engine>,
    /// Class names in the order of the outputs.
    pub class_names: Vec<String>,
    /// How pictures become the network's input.
    pub preprocess: Preprocess,
    /// The engine gives probabilities instead of logits.
    pub probabilities: bool,
    /// Compares the engine with candle.
    pub parity: Option<Parity>,
}

/// Loads the model that the options name into the engine that they allow, and says so on stderr.
///
/// # Errors
/// A model, engine, device or reference that the options name cannot be had.
pub fn classifier(options: &Options) -> Result<Classifier> {
    let model = Model::open(options.model.as_deref())?;
    let runtime = find_runtime(options)?;
    check_device(options.common.device, runtime.as_ref())?;
    log::info!("model: {model}");
    let threads = options.common.thread_count();
    let classifier = match &runtime {
        Some(runtime) => {
            let engine = ort_engine(&model, runtime, threads)?;
            log::info!(
                "engine: {} from `{}`",
                engine.describe(),
                runtime.path().display()
            );
            let (input_size, probabilities) = (engine.input_size(), engine.output_name() == PROBABILITIES);
            let parity = parity(&model, options, probabilities)?;
            classifier_of(&model, Box::new(engine), input_size, probabilities, parity)
        }
        None => {
            let engine = CandleEngine::new(&candle_weights(&model, options)?)?;
            log::info!("engine: {}", engine.describe());
            classifier_of(&model, Box::new(engine), None, false, None)
        }
    };
    if options.common.device == DeviceChoice::Auto {
        log::info!("device: cpu, since {}", why_cpu(runtime.as_ref()));
    }
    Ok(classifier)
}

fn classifier_of(
    model: &Model,
    engine: Box<dyn Engine>,
    input_size: Option<usize>,
    probabilities: bool,
    parity: Option<Parity>,
) -> Classifier {
    let names = model.class_names().map(<[String]>::to_vec);
    Classifier {
        class_names: names.unwrap_or_else(|| default_class_names(engine.classes())),
        preprocess: model.preprocess(input_size),
        engine,
        probabilities,
        parity,
    }
}

/// ONNX Runtime, if it is wanted and can be had.
fn find_runtime(options: &Options) -> Result<Option<Runtime>> {
    if options.engine == Some(EngineKind::Candle) {
        return Ok(None);
    }
    match runtime::find(options.ort_lib.as_deref()) {
        Ok(runtime) => Ok(Some(runtime)),
        Err(RuntimeError::NotFound) if options.engine.is_none() && !wants_parity(options) => {
            let hint = RuntimeError::NotFound.hint();
            log::warn!("ONNX Runtime was not found, candle classifies alone\nhint: {hint}");
            Ok(None)
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

fn check_device(device: DeviceChoice, runtime: Option<&Runtime>) -> Result<()> {
    match device {
        DeviceChoice::Auto | DeviceChoice::Cpu => Ok(()),
        DeviceChoice::Cuda(_) => Err(anyhow!("`--device {device}` cannot be had: {}", why_cpu(runtime)))
            .hint(|| "`--device cpu` or `--device auto` classifies on the CPU".to_owned()),
    }
}

fn why_cpu(runtime: Option<&Runtime>) -> String {
    match runtime {
        Some(runtime) if !runtime.has_cuda() => {
            format!(
                "ONNX Runtime in `{}` has no CUDA provider",
                runtime.path().display()
            )
        }
        Some(_) => "this build of `mbn-infer` does not use ONNX Runtime's CUDA provider".to_owned(),
        None => "this build's candle has no CUDA".to_owned(),
    }
}

fn ort_engine(model: &Model, runtime: &Runtime, threads: usize) -> Result<OrtEngine> {
    let named = |error: EngineError| anyhow!(error).context(format!("{} cannot be used", model.name()));
    match model.content() {
        Content::Onnx(path, _) => OrtEngine::from_file(runtime, path, threads).map_err(named),
        Content::Weights(weights) => {
            let onnx = export(weights, &ExportOptions::default())
                .with_context(|| format!("{} cannot be exported", model.name()))?;
            OrtEngine::from_bytes(runtime, &onnx.to_bytes(), threads).map_err(named)
        }
    }
}

/// The weights with which candle classifies in the model's place.
fn candle_weights(model: &Model, options: &Options) -> Result<Folded> {
    if let Some(reference) = reference::find(model, options.weights.as_deref())? {
        return Ok(reference.weights.fold());
    }
    match model.content() {
        Content::Weights(weights) => Ok(weights.fold()),
        Content::Onnx(_, onnx) => onnx
            .to_folded()
            .with_context(|| format!("candle cannot run {}", model.name()))
            .hint(|| "`make onnxruntime` gets an engine that can; `--weights` names the weights".to_owned()),
    }
}

/// The check against candle, unless it is off or there are no weights for it.
fn parity(model: &Model, options: &Options, probabilities: bool) -> Result<Option<Parity>> {
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
    log::debug!("parity is checked with {}", reference.name);
    let candle = CandleEngine::new(&reference.weights.fold())?;
    let tolerance = options
        .tolerance
        .map_or_else(|| Tolerance::of(model.precision()), Tolerance::Absolute);
    Ok(Some(Parity::new(candle, scope, tolerance, probabilities)))
}
