//! The check against candle: its weights, its device, its tolerance.

use anyhow::Result;
use candle_core::Device;
use mbn_cli::Hint;
use mbn_engine::engine::{BatchLimit, CandleEngine, Engine, Halving, IntegerEngine, Provider};
use mbn_engine::images::PixelType;
use mbn_engine::parity::{Parity, Tolerance};
use mbn_spec::Preprocess;
use mbn_weights::Folded;

use super::loaded::Loaded;
use crate::check::Check;
use crate::model::{Content, Model};
use crate::options::{Options, ParityScope};
use crate::reference;

/// The check against candle with the weights that the model was made from, else with its own constants; `None` if it is off, or has
/// neither.
pub(super) fn check(
    model: &Model,
    options: &Options,
    loaded: &Loaded,
    preprocess: &Preprocess,
) -> Result<Option<Check>> {
    let scope = options.parity.unwrap_or(ParityScope::First);
    // candle runs this project's network; nobody expects it to check another tool's model.
    let is_unasked = options.parity.is_none() && options.weights.is_none() && options.tolerance.is_none();
    if scope == ParityScope::Off || (is_unasked && model.foreign().is_some()) {
        return Ok(None);
    }
    let is_asked = options.weights.is_some();
    if let Some(integers) = model.integers().filter(|_| !is_asked) {
        let candle = IntegerEngine::new(integers)?;
        log::debug!(
            "parity is checked with the integers in {} by {}",
            model.name(),
            candle.describe()
        );
        let usual = Tolerance::of_integers(candle.is_mixed() || loaded.on_cuda);
        let parity = Parity::new(
            candle,
            tolerance(options, loaded, usual),
            loaded.gives_probabilities(),
        );
        return Ok(Some(Check::new(parity, scope, preprocess)));
    }
    let (name, weights) = match reference::find(model, options.weights.as_deref())? {
        Some(found) => (found.name, found.weights.fold()),
        None => match constants(model) {
            Ok(constants) => {
                let name = format!("the constants in {}", model.name());
                log::info!(
                    "parity is checked with {name}, since its weights were not found (`--weights` names them)"
                );
                (name, constants)
            }
            Err(error) => {
                let missing = format!(
                    "the weights of {} were not found, and its own constants cannot be taken",
                    model.name()
                );
                let hint = "`--weights FILE` names the weights; without it the program searches for a file with the same stem \
                            beside the model, and in `models/`";
                if options.parity.is_some() {
                    let problem = format!("parity cannot be checked: {missing}");
                    return Err(error.context(problem)).hint(|| hint.to_owned());
                }
                log::warn!("parity is not checked: {missing}: {error:#}\nhint: {hint}");
                return Ok(None);
            }
        },
    };
    let device = device(&loaded.provider);
    // Results do not wait for the check, nor for this.
    let limit = BatchLimit::new(loaded.batch);
    let candle = move || {
        // ONNX Runtime may have left little of the device's memory.
        let candle = Halving::start(limit, move |_| CandleEngine::on(&weights, &device))?;
        log::debug!("parity is checked with {name} by {}", candle.describe());
        Ok(candle)
    };
    let usual = Tolerance::of(model.precision(), &loaded.provider);
    let parity = Parity::later(
        candle,
        tolerance(options, loaded, usual),
        loaded.gives_probabilities(),
    );
    Ok(Some(Check::new(parity, scope, preprocess)))
}

/// The weights in a file of this project's exporter, folded.
fn constants(model: &Model) -> Result<Folded> {
    match model.content() {
        Content::Onnx(_, onnx) => Ok(onnx.written()?.weights),
        Content::Weights(weights) => Ok(weights.fold()),
    }
}

/// What the user allows, else the `usual`, and more for a graph that resizes.
fn tolerance(options: &Options, loaded: &Loaded, usual: Tolerance) -> Tolerance {
    let usual = match loaded.lanes.pixel_type() {
        PixelType::Pictures => usual.on_resized(),
        PixelType::Float | PixelType::Uint8 => usual,
    };
    options.tolerance.map_or(usual, Tolerance::absolute)
}

/// Where candle computes the outputs to compare with: on ONNX Runtime's device, if it can. It computes in float32 even
/// where ONNX Runtime may round to TF32, because the tolerance is for that rounding.
fn device(provider: &Provider) -> Device {
    match provider {
        Provider::Cpu => Device::Cpu,
        Provider::Cuda(cuda) => mbn_ops::open_cuda(cuda.device).unwrap_or_else(|cause| {
            log::debug!("parity is checked with candle on the CPU, since {cause}");
            Device::Cpu
        }),
    }
}
