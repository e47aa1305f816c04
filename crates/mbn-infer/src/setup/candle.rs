//! candle as the engine: its device, and the weights that it runs in the model's place.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use candle_core::Device;
use mbn_cli::{DeviceChoice, Hint};
use mbn_engine::engine::{BatchLimit, CandleEngine, Engine, Halving, IntegerEngine, Provider};
use mbn_engine::lanes::{Build, Lanes};
use mbn_onnx::LOGITS;
use mbn_onnx::foreign::Ending;
use mbn_ops::CudaUnavailable;
use mbn_weights::Folded;

use super::loaded::{Loaded, built};
use super::own_device::OwnDevice;
use crate::model::{Content, Model};
use crate::options::Options;
use crate::reference::{self, Reference};

/// The network in candle, and the device with the reason for it.
pub(super) fn load(model: &Model, options: &Options) -> Result<(Loaded, String)> {
    let (device, why) = device(options)?;
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
            on(taken.folded, &device, options.cuda_batch_len())?
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

/// The device, and the reason for it.
fn device(options: &Options) -> Result<(Device, String)> {
    let choice = options.device.device;
    let own = OwnDevice::of(options);
    let opened = match choice {
        DeviceChoice::Cpu => choice.open(),
        DeviceChoice::Auto | DeviceChoice::Cuda(_) => DeviceChoice::Cuda(own.index).open(),
    };
    match opened {
        Ok(opened) => {
            let why = match opened.index {
                Some(index) => format!("cuda:{index}, {} ({})", own.why, opened.name()),
                None => String::new(),
            };
            Ok((opened.device, why))
        }
        Err(error) if choice == DeviceChoice::Auto => {
            let cause = error.downcast_ref::<CudaUnavailable>().map(ToString::to_string);
            let cause = cause.unwrap_or_else(|| format!("{error:#}"));
            Ok((Device::Cpu, format!("cpu, since {cause}")))
        }
        Err(error) => Err(error),
    }
}

/// The network on a device. A CUDA device whose memory does not hold a batch gets a part of it at once.
fn on(weights: Folded, device: &Device, batch: usize) -> Result<Build> {
    if !device.is_cuda() {
        return Ok(built(CandleEngine::on(&weights, device)?));
    }
    let device = device.clone();
    let build = move |_| CandleEngine::on(&weights, &device);
    Ok(built(Halving::start(BatchLimit::new(batch), build)?))
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
