//! candle as the engine: its device, and the weights that it runs in the model's place.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_engine::engine::{CandleEngine, Engine, IntegerEngine, Provider};
use mbn_engine::lanes::Lanes;
use mbn_onnx::LOGITS;
use mbn_onnx::foreign::Ending;
use mbn_weights::Folded;

use super::loaded::{Loaded, built};
use crate::model::{Content, Model};
use crate::options::Options;
use crate::reference::{self, Reference};

/// The network in candle, and the device with the reason for it.
pub(super) fn load(model: &Model, options: &Options) -> Result<(Loaded, String)> {
    let opened = options.device.device.open()?;
    let why = match (opened.index, &opened.unavailable) {
        (Some(index), _) => format!("cuda:{index}, the first CUDA device ({})", opened.name()),
        (None, Some(cause)) => format!("cpu, since {cause}"),
        (None, None) => String::new(),
    };
    let device = opened.device;
    mbn_ops::allow_tf32(options.cuda.tf32);
    let integers = model.integers().filter(|_| options.weights.is_none());
    let mut other_weights = None;
    let engine = match integers {
        Some(_) if device.is_cuda() => {
            let text = format!(
                "candle computes int8 on the CPU only, and {} is int8",
                model.name()
            );
            return Err(anyhow!(text))
                .hint(|| "`--device cpu` does that; ONNX Runtime takes int8 on both".to_owned());
        }
        Some(integers) => {
            log::info!("weights: the integers in {}", model.name());
            built(IntegerEngine::new(integers)?)
        }
        None => {
            let taken = weights(model, options.weights.as_deref())?;
            other_weights = taken.other;
            built(CandleEngine::on(&taken.folded, &device)?)
        }
    };
    let loaded = Loaded {
        lanes: Lanes::start([engine])?,
        batch: if device.is_cuda() {
            options.cuda_batch_len()
        } else {
            options.batch_len()
        },
        input_size: None,
        output: LOGITS.to_owned(),
        ending: Ending::Linear,
        in_per_cent: false,
        provider: Provider::Cpu,
        on_cuda: device.is_cuda(),
        other_weights,
    };
    Ok((loaded, why))
}

/// The network in candle on the CPU, in the number format that the model has.
pub(super) fn on_cpu(model: &Model) -> Result<Box<dyn Engine + Send>> {
    Ok(match model.integers() {
        Some(integers) => Box::new(IntegerEngine::new(integers)?),
        None => Box::new(CandleEngine::new(&weights(model, None)?.folded)?),
    })
}

/// The weights with which candle classifies in the model's place.
struct Taken {
    folded: Folded,
    /// Their hash, unless they are those in the model's own file.
    other: Option<String>,
}

impl Taken {
    fn of(found: &Reference, model: &Model) -> Self {
        let is_onnx = matches!(model.content(), Content::Onnx(..));
        Self {
            folded: found.weights.fold(),
            other: is_onnx.then(|| found.weights.sha256()),
        }
    }
}

/// Those that the user names, else the model's own.
fn weights(model: &Model, given: Option<&Path>) -> Result<Taken> {
    let onnx = match model.content() {
        Content::Onnx(_, onnx) if given.is_none() => onnx,
        _ => {
            let found = reference::find(model, given)?;
            let found = found.with_context(|| format!("{} has no weights", model.name()))?;
            if given.is_some() {
                log::info!("weights: {}", found.name);
            }
            return Ok(Taken::of(&found, model));
        }
    };
    let error = match onnx.to_folded() {
        Ok(folded) => {
            log::info!("weights: those in {}", model.name());
            return Ok(Taken { folded, other: None });
        }
        Err(error) => error,
    };
    // The weights with the hash in the file are second best: someone may have changed the file since.
    if let Some(found) = reference::find(model, None)? {
        log::info!(
            "weights: {}, from which {} was made according to its hash; candle cannot use those in the file: {error}",
            found.name,
            model.name()
        );
        return Ok(Taken::of(&found, model));
    }
    Err(error)
        .with_context(|| format!("candle cannot run {}", model.name()))
        .hint(|| "`make onnxruntime` gets an engine that can; `--weights` names the weights".to_owned())
}
