//! Puts a classifier together: model, engine, device and the check against candle.

mod alone;
mod candle;
mod loaded;
mod onnx_runtime;
mod own_device;
mod parity;
mod probe;
mod task;
mod threads;

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::{DeviceChoice, Hint, start_threads};
use mbn_engine::engine::{Engine, OrtEngine, Reading};
use mbn_engine::images::PixelType;
use mbn_engine::lanes::Lanes;
use mbn_engine::runtime::Runtime;
use mbn_onnx::foreign::Ending;
use mbn_spec::{Preprocess, Training};
use mbn_weights::is_multi_label;

use crate::check::Check;
use crate::classes::{ClassNames, ClassSources};
use crate::given::Given;
use crate::model::{Model, ModelId};
use crate::options::Options;
use crate::preprocessing::Preprocessing;
use crate::scores::{Guess, Head, Scores};
use loaded::Loaded;
use onnx_runtime::Task;
use threads::Split;

/// The most whole pictures that an engine gets at once.
const MAX_PICTURES: usize = 8;

/// Classes that are written for an image, if nothing else decides.
const TOP_K: usize = 3;

/// A model in its engine, ready to classify.
pub struct Classifier {
    /// The model, for a person to read.
    pub model: String,
    /// The engines that run the network.
    pub lanes: Lanes,
    /// Images that an engine takes at once.
    pub batch: usize,
    /// Class names in the order of the outputs.
    pub class_names: ClassNames,
    /// How pictures become the network's input.
    pub preprocess: Preprocess,
    /// Height and width of the pictures, unless the network fixes them.
    pub open_size: Option<usize>,
    /// The network takes blue, green and red instead of red, green and blue.
    pub blue_first: bool,
    /// Pictures are resized to Pillow's pixels to the bit: another library's resizing made those that the model was trained on.
    pub resizes_exactly: bool,
    /// How it was trained, if it says so.
    pub training: Option<Training>,
    /// Tells the model from others.
    pub model_id: ModelId,
    /// The hash of the weights with which candle classifies, if they are not those in the model's file.
    pub other_weights: Option<String>,
    /// How the engine's outputs become probabilities.
    pub scores: Scores,
    /// Threads that decode, on which candle computes too.
    pub threads: usize,
    /// Compares the engine with candle.
    pub check: Option<Check>,
}

impl Classifier {
    /// Classes of an image that are written, at most. A threshold alone decides where several may be right at once.
    pub fn top_k(&self, options: &Options) -> usize {
        let default = match options.threshold.is_some() && self.scores.are_independent() {
            true => self.class_names.names().len(),
            false => TOP_K,
        };
        options.top_k.unwrap_or(default)
    }
}

/// Loads the model that the options name into the engine that they allow, and names both on stderr.
///
/// # Errors
/// A model, engine, device or reference that the options name cannot be used.
pub fn classifier(options: &Options) -> Result<Classifier> {
    let search = onnx_runtime::search(options)?;
    let given = Given::by(options);
    let model = Model::open(options.model.as_deref(), &given)?;
    task::require_classes(&model)?;
    let preprocessing = Preprocessing::of(&model, given)?;
    preprocessing.require(&model)?;
    let classes = ClassSources::of(&model, options.classes.as_deref())?;
    let runtime = match search {
        // Weights are exported while the library starts.
        Some(search) => {
            let source = onnx_runtime::source(&model, options.features);
            onnx_runtime::found(search, options)?.map(|runtime| (runtime, source))
        }
        None => None,
    };
    log::info!("model: {model}");
    let blue_first = preprocessing.is_blue_first(&model);
    let all = options.common.thread_count();
    let (mut loaded, device, threads, from) = match runtime {
        Some((runtime, source)) => {
            let split = Split::new(all, model.multiply_adds(preprocessing.size()));
            let task = Task {
                model: &model,
                source: source?,
                reading: Reading {
                    blue_first,
                    ..model.reading(options.output_name.as_deref(), classes.count())
                },
                size: preprocessing.size(),
                batch: alone::batch(&model, options),
                runtime: &runtime,
                options,
                threads: split.engine,
            };
            let (loaded, device) = task::explained(onnx_runtime::load(&task), &model)?;
            let threads = if loaded.on_cuda { all } else { split.decoding };
            start_threads(threads)?;
            (loaded, device, threads, Some(runtime))
        }
        None => {
            start_threads(all)?;
            let (loaded, device) = candle::load(&model, options)?;
            (loaded, device, all, None)
        }
    };
    let has_runtime = from.is_some();
    let from = from.map(|runtime| format!(" from `{}`", runtime.path_from_here().display()));
    log::info!("engine: {}{}", loaded.lanes.describe(), from.unwrap_or_default());
    if options.device.device == DeviceChoice::Auto {
        log::info!("device: {device}");
    }
    if !loaded.on_cuda
        && let Some(settings) = options.cuda.given()
    {
        log::warn!("{settings} no effect, since no CUDA device is used");
    }
    if has_runtime && options.leaves_out_weights() {
        log::warn!("`--weights` has no effect with `--parity off`, since ONNX Runtime classifies");
    }
    let pixel_type = match has_runtime {
        true => loaded.lanes.pixel_type(),
        // candle stands in for the model, which would ignore these options too.
        false => model.pixel_type(),
    };
    if loaded.lanes.is_grey() {
        log::info!("the model takes one channel: pictures are made grey for it");
    }
    let preprocess = preprocessing.settle(loaded.input_size, pixel_type, loaded.lanes.is_grey())?;
    if let Some(given) = options.batch_size.filter(|_| has_runtime) {
        warn_of_batch(given, &model, pixel_type);
    }
    if has_runtime {
        alone::require(&model, &mut loaded, &preprocess)?;
    }
    let (scores, class_names) = outputs(&model, options, &mut loaded, &preprocess, classes)?;
    require_extra(&model, options, &loaded, scores)?;
    let check = match has_runtime {
        true => parity::check(&model, options, &loaded, &preprocess)?,
        false => None,
    };
    Ok(Classifier {
        model: model.to_string(),
        class_names,
        open_size: loaded.open_size(&preprocess),
        preprocess,
        blue_first,
        resizes_exactly: !model.is_trained_here(),
        training: model.training().cloned(),
        model_id: model.id(),
        other_weights: loaded.other_weights,
        scores,
        batch: match loaded.lanes.pixel_type() {
            // Whole pictures take much memory, and few in a row have one size.
            PixelType::Pictures => loaded.batch.min(MAX_PICTURES),
            PixelType::Float | PixelType::Uint8 => loaded.batch,
        },
        threads,
        lanes: loaded.lanes.with_features(options.features),
        check,
    })
}

/// Says where ONNX Runtime does not get as many images at once as the user says.
fn warn_of_batch(given: usize, model: &Model, pixel_type: PixelType) {
    let name = model.name();
    match (model.fixed_batch(), pixel_type) {
        (Some(fixed), _) if fixed != given => log::warn!(
            "`--batch-size {given}` does not change {name}, which takes {fixed} at once, filled up if there are fewer"
        ),
        (None, PixelType::Pictures) if given > MAX_PICTURES => log::warn!(
            "`--batch-size {given}` is more than the {MAX_PICTURES} whole pictures that {name} gets at once, since they take \
             much memory"
        ),
        _ => {}
    }
}

/// Refuses to write what the model and its engine do not give.
fn require_extra(model: &Model, options: &Options, loaded: &Loaded, scores: Scores) -> Result<()> {
    let name = model.name();
    if options.logits && !scores.are_logits() {
        bail!(
            "`--logits` cannot be written: the output `{}` of {name} has probabilities",
            loaded.output
        );
    }
    if options.features && loaded.lanes.features().is_none() {
        let (engine, on_cuda) = (loaded.lanes.describe(), loaded.on_cuda);
        return Err(anyhow!("`--features` cannot be written: {engine} gets no features from {name}")).hint(|| {
            let device = if on_cuda { "; ONNX Runtime gives them on the CPU alone" } else { "" };
            format!(
                "`mbn-export --weights FILE --features OUT.onnx` writes a model that gives them, and `--engine candle` computes them \
                 for models that are not int8{device}"
            )
        });
    }
    Ok(())
}

/// A model in ONNX Runtime on the CPU, for measuring.
///
/// # Errors
/// ONNX Runtime cannot run it.
pub(crate) fn onnx_runtime_on_cpu(model: &Model, runtime: &Runtime, threads: usize) -> Result<OrtEngine> {
    onnx_runtime::engine_on_cpu(model, runtime, threads)
}

/// A model in candle on the CPU, for measuring.
///
/// # Errors
/// candle cannot run it.
pub(crate) fn candle_on_cpu(model: &Model) -> Result<Box<dyn Engine + Send>> {
    candle::on_cpu(model)
}

/// How the outputs are read, and what the classes are called.
fn outputs(
    model: &Model,
    options: &Options,
    loaded: &mut Loaded,
    preprocess: &Preprocess,
    classes: ClassSources,
) -> Result<(Scores, ClassNames)> {
    let cannot_use = || format!("{} cannot be used", model.name());
    let output = loaded.output.clone();
    let head = Head {
        output: &output,
        ending: loaded.ending,
        in_per_cent: loaded.in_per_cent,
        values: loaded.lanes.classes(),
        is_foreign: model.foreign().is_some(),
    };
    let multi_label = options.multi_label || model.is_multi_label() || is_stated_multi_label(model, &head);
    let scores = Scores::of(&head, multi_label);
    let mut scores = scores.with_context(cannot_use)?;
    let guess = match scores.are_guessed() {
        true => {
            let found = probe::outputs(loaded, preprocess)?;
            Some(Guess::of(&found, head.values))
        }
        false => None,
    };
    scores = guess.map_or(scores, |guess| scores.guessed(guess));
    if head.is_foreign {
        log::info!("{}", scores.describe(&head));
    }
    if guess == Some(Guess::Unclear) {
        log::warn!(
            "the values of the output `{}` may be logits or probabilities: neither the graph nor test pictures show it. Softmax is \
             taken of them, which keeps their order; `--logits` writes the values themselves",
            head.output
        );
    }
    task::warn_of_features(model, &head, scores, classes.count() == Some(head.values));
    let names = classes.settle(scores.classes(head.values))?;
    Ok((scores, names))
}

/// Whether a file beside the model says that several classes may be right at once, and the graph leaves that open.
fn is_stated_multi_label(model: &Model, head: &Head<'_>) -> bool {
    let folders = model.foreign().map_or(&[][..], |foreign| &foreign.folders);
    head.ending != Ending::Softmax
        && folders
            .iter()
            .any(|folder| is_multi_label(folder).unwrap_or(false))
}
