//! Puts a classifier together: model, engine, device and the check against candle.

mod candle;
mod loaded;
mod onnx_runtime;
mod parity;
mod threads;

use anyhow::Result;
use mbn_cli::{DeviceChoice, start_threads};
use mbn_engine::images::PixelType;
use mbn_engine::lanes::Lanes;
use mbn_spec::{Preprocess, default_class_names};

use crate::check::Check;
use crate::model::Model;
use crate::options::Options;
use threads::Split;

/// The most whole pictures that an engine gets at once.
const MAX_PICTURES: usize = 8;

/// A model in its engine, ready to classify.
pub struct Classifier {
    /// The engines that run the network.
    pub lanes: Lanes,
    /// Images that an engine takes at once.
    pub batch: usize,
    /// Class names in the order of the outputs.
    pub class_names: Vec<String>,
    /// How pictures become the network's input.
    pub preprocess: Preprocess,
    /// The engine gives probabilities instead of logits.
    pub probabilities: bool,
    /// Threads that decode, on which candle computes too.
    pub threads: usize,
    /// Compares the engine with candle.
    pub check: Option<Check>,
}

/// Loads the model that the options name into the engine that they allow, and names both on stderr.
///
/// # Errors
/// A model, engine, device or reference that the options name cannot be used.
pub fn classifier(options: &Options) -> Result<Classifier> {
    let model = Model::open(options.model.as_deref())?;
    let runtime = onnx_runtime::find(options)?;
    log::info!("model: {model}");
    let all = options.common.thread_count();
    let (loaded, device, threads) = match &runtime {
        Some(runtime) => {
            let split = Split::new(all, model.multiply_adds());
            let (loaded, device) = onnx_runtime::load(&model, runtime, options, split.engine)?;
            let threads = if loaded.on_cuda { all } else { split.decoding };
            start_threads(threads)?;
            (loaded, device, threads)
        }
        None => {
            start_threads(all)?;
            let (loaded, device) = candle::load(&model, options)?;
            (loaded, device, all)
        }
    };
    let from = runtime
        .as_ref()
        .map(|runtime| format!(" from `{}`", runtime.path_from_here().display()));
    log::info!("engine: {}{}", loaded.lanes.describe(), from.unwrap_or_default());
    if options.device.device == DeviceChoice::Auto {
        log::info!("device: {device}");
    }
    if !loaded.on_cuda
        && let Some(settings) = options.cuda_settings()
    {
        log::warn!("{settings} no effect, since no CUDA device is used");
    }
    let check = match &runtime {
        Some(_) => parity::check(&model, options, &loaded)?,
        None => None,
    };
    let names = model.class_names().map(<[String]>::to_vec);
    Ok(Classifier {
        class_names: names.unwrap_or_else(|| default_class_names(loaded.lanes.classes())),
        preprocess: model.preprocess(loaded.input_size),
        probabilities: loaded.probabilities,
        batch: match loaded.lanes.pixel_type() {
            // Whole pictures take much memory, and few in a row have one size.
            PixelType::Pictures => loaded.batch.min(MAX_PICTURES),
            PixelType::Float | PixelType::Uint8 => loaded.batch,
        },
        threads,
        lanes: loaded.lanes,
        check,
    })
}
