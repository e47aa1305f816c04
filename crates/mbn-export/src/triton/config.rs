//! The configuration of a model, `config.pbtxt`.
//!
//! Fields and their meaning: `model_config.proto` of Triton Inference Server.

use anyhow::{Context, Result, bail};
use mbn_onnx::proto::{DataType, ValueInfoProto};
use mbn_onnx::{Dim, LOGITS, Model, PROBABILITIES, RESIZE_INSIDE, TensorType};
use mbn_spec::MULTI_LABEL;

use super::name::ModelName;
use super::pbtxt::{Message, Value};

/// Name of the file.
pub const FILE: &str = "config.pbtxt";
/// Name of the file of class names.
pub const LABELS: &str = "labels.txt";

/// Images that run at once at most. More make neither CPUs nor GPUs faster at networks of this size.
const MAX_BATCH: i64 = 64;
/// Batches that run without waiting for more requests.
const PREFERRED: [i64; 3] = [8, 16, 32];
/// How long the first request of a batch waits for others: less than the time that the smallest network takes.
const DELAY_US: i64 = 1000;
/// Height and width of the picture that warms a graph up that takes any: different, and larger than what networks take.
const PICTURE: [i64; 2] = [480, 640];
/// The property that says how pictures become the input.
const PREPROCESS: &str = "preprocess";
/// The property that says what the values mean.
const PROBLEM: &str = "problem_type";

const HEAD: &str = "\
# Configuration of a model for Triton Inference Server. `docs/serving.md` explains the choices.
";

/// What a client sees of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    elem: &'static str,
    /// Dimensions as in the graph, the batch first; -1 if the client chooses.
    shape: Vec<i64>,
}

/// What a client sees of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    input: Tensor,
    outputs: Vec<Tensor>,
    preprocess: Option<String>,
    /// Whether several classes may be right at once, so that a probability is the sigmoid of a logit and not a part of their softmax.
    multi_label: bool,
    /// Whether the graph resizes. A graph that takes any size may also compute on every pixel that it gets.
    resizes: bool,
}

impl Interface {
    /// What a client sees of a model that this project wrote.
    ///
    /// # Errors
    /// The model has not one input, or a tensor of a type that this project's models do not have.
    pub fn of(model: &Model) -> Result<Self> {
        let graph = model.proto().graph.as_ref().context("the model has no graph")?;
        let [input] = graph.input.as_slice() else {
            bail!("the model has {} inputs, expected 1", graph.input.len());
        };
        Ok(Self {
            input: Tensor::of(input)?,
            outputs: graph.output.iter().map(Tensor::of).collect::<Result<_>>()?,
            preprocess: model.property(PREPROCESS).map(str::to_owned),
            multi_label: model.property(PROBLEM) == Some(MULTI_LABEL),
            resizes: model.resizes_inside(),
        })
    }

    /// In what the other one is different, if it is.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.input != other.input {
            return Some(format!("it takes {}, this one {}", self.input, other.input));
        }
        if self.outputs != other.outputs {
            let all = |outputs: &[Tensor]| {
                let outputs: Vec<_> = outputs.iter().map(ToString::to_string).collect();
                outputs.join(", ")
            };
            let (one, two) = (all(&self.outputs), all(&other.outputs));
            return Some(format!("it gives {one}, this one {two}"));
        }
        if self.preprocess != other.preprocess {
            let text = |preprocess: &Option<String>| preprocess.clone().unwrap_or_else(|| "none".to_owned());
            let (one, two) = (text(&self.preprocess), text(&other.preprocess));
            return Some(format!("its preprocessing is {one}, this one's {two}"));
        }
        match (self.multi_label, other.multi_label) {
            (true, false) => {
                return Some(
                    "several of its classes may be right at once, this one's exclude each other".to_owned(),
                );
            }
            (false, true) => {
                return Some(
                    "its classes exclude each other, of this one's several may be right at once".to_owned(),
                );
            }
            _ => {}
        }
        match (self.resizes, other.resizes) {
            (true, false) => Some("it resizes and crops pictures itself, this one does not".to_owned()),
            (false, true) => {
                Some("it takes pictures as they are, this one resizes and crops them".to_owned())
            }
            _ => None,
        }
    }

    /// The text of the configuration.
    pub fn config(&self, name: &ModelName) -> String {
        let batch = self.input.shape.first().copied().unwrap_or(1);
        // With 0, Triton adds no dimension of its own and never joins requests.
        let max_batch = if batch < 0 { MAX_BATCH } else { 0 };
        let sides_vary = self.input.inner(max_batch).contains(&-1);
        let warmup_batches = match (max_batch, sides_vary) {
            (0, _) => vec![1],
            (_, true) => vec![1, PREFERRED[0]],
            (_, false) => [1].into_iter().chain(PREFERRED).chain([MAX_BATCH]).collect(),
        };
        let message = Message::default()
            .with("name", name.as_str())
            .with("backend", "onnxruntime")
            .with("max_batch_size", max_batch)
            .with("input", vec![self.input_message(max_batch)])
            .with("output", self.output_messages(max_batch))
            .with_some("dynamic_batching", batching(max_batch, sides_vary))
            // A GPU where there is one, else the CPU: one instance already uses every core.
            .with(
                "instance_group",
                vec![
                    Message::default()
                        .with("kind", Value::Word("KIND_AUTO"))
                        .with("count", 1),
                ],
            )
            .with(
                "model_warmup",
                warmup_batches
                    .into_iter()
                    .map(|batch| self.warmup(max_batch, batch))
                    .collect::<Vec<_>>(),
            )
            .with_some(
                "parameters",
                self.preprocess.as_deref().map(|text| parameter(PREPROCESS, text)),
            )
            // Without it, a client would take the softmax.
            .with_some(
                "parameters",
                self.multi_label.then(|| parameter(PROBLEM, MULTI_LABEL)),
            )
            // Without it, a client that follows the preprocessing would crop a second time.
            .with_some(
                "parameters",
                self.resizes.then(|| parameter(RESIZE_INSIDE, "true")),
            );
        format!("{HEAD}{message}")
    }

    fn input_message(&self, max_batch: i64) -> Message {
        let dims = self.input.inner(max_batch);
        // Triton wants exactly three dimensions beside a format.
        let format = match dims.as_slice() {
            [_, _, 3] => Some(Value::Word("FORMAT_NHWC")),
            [3, _, _] => Some(Value::Word("FORMAT_NCHW")),
            _ => None,
        };
        Message::default()
            .with("name", self.input.name.as_str())
            .with("data_type", Value::Word(self.input.elem))
            .with_some("format", format)
            .with("dims", dims)
    }

    fn output_messages(&self, max_batch: i64) -> Vec<Message> {
        let message = |output: &Tensor| {
            // Triton looks for the largest values in the whole of an output without a batch: with more than one image in it,
            // places are not classes.
            let labelled = matches!(output.name.as_str(), LOGITS | PROBABILITIES)
                && (max_batch > 0 || output.shape.first() == Some(&1));
            Message::default()
                .with("name", output.name.as_str())
                .with("data_type", Value::Word(output.elem))
                .with("dims", output.inner(max_batch))
                .with_some("label_filename", labelled.then_some(LABELS))
        };
        self.outputs.iter().map(message).collect()
    }

    /// A request that runs before the model counts as ready: engines allocate, and choose algorithms, for each batch size.
    fn warmup(&self, max_batch: i64, batch: i64) -> Message {
        let mut sides = PICTURE.into_iter();
        let dims = self.input.inner(max_batch).into_iter();
        let dims: Vec<_> = dims
            .map(|dim| match dim {
                -1 => sides.next().unwrap_or(1),
                dim => dim,
            })
            .collect();
        let fixed = self.input.shape.first().copied().unwrap_or(1);
        let images = if max_batch > 0 { batch } else { fixed };
        let noise = Message::default()
            .with("data_type", Value::Word(self.input.elem))
            .with("dims", dims)
            .with("random_data", Value::Word("true"));
        Message::default()
            .with(
                "name",
                format!("{images} image{}", if images == 1 { "" } else { "s" }).as_str(),
            )
            .with("batch_size", batch)
            .with(
                "inputs",
                Message::default()
                    .with("key", self.input.name.as_str())
                    .with("value", noise),
            )
    }
}

/// How requests are joined. Triton joins only those of one shape; where shapes vary, waiting for another of the same is
/// in vain, and those that wait anyway are still joined.
fn batching(max_batch: i64, sides_vary: bool) -> Option<Message> {
    match (max_batch, sides_vary) {
        (0, _) => None,
        (_, true) => Some(Message::default().with("max_queue_delay_microseconds", 0)),
        (_, false) => Some(
            Message::default()
                .with("preferred_batch_size", PREFERRED.to_vec())
                .with("max_queue_delay_microseconds", DELAY_US),
        ),
    }
}

/// What a client must know, for those who ask the server for the configuration: a property of the model under its own name.
fn parameter(name: &str, text: &str) -> Message {
    let value = Message::default().with("string_value", text);
    Message::default().with("key", name).with("value", value)
}

impl Tensor {
    fn of(info: &ValueInfoProto) -> Result<Self> {
        let name = info.name();
        let ty = TensorType::stated(info).with_context(|| format!("`{name}` has no usable type"))?;
        let dim = |dim: &Dim| match dim {
            Dim::Fixed(n) => i64::try_from(*n).context("a dimension is too large"),
            Dim::Symbol(_) | Dim::Unknown => Ok(-1),
        };
        Ok(Self {
            name: name.to_owned(),
            elem: match ty.elem {
                DataType::Float => "TYPE_FP32",
                DataType::Uint8 => "TYPE_UINT8",
                other => bail!("`{name}` is {}, expected float32 or uint8", other.name()),
            },
            shape: ty.shape.iter().map(dim).collect::<Result<_>>()?,
        })
    }

    /// Its dimensions, without the batch if Triton adds that.
    fn inner(&self, max_batch: i64) -> Vec<i64> {
        self.shape[usize::from(max_batch > 0 && !self.shape.is_empty())..].to_vec()
    }
}

impl std::fmt::Display for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, elem, shape } = self;
        write!(f, "`{name}` {elem} {shape:?}")
    }
}

#[cfg(test)]
mod tests;
