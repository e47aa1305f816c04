//! The output of an ONNX file that has the classes' values, found once.

use std::collections::BTreeMap;

use half::f16;
use mbn_onnx::foreign::{Ending, Heads};
use mbn_onnx::{FEATURES, LOGITS};
use ort::value::{Outlet, TensorElementType};

use super::interface::known;

/// The output of an image classifier.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub name: String,
    pub classes: usize,
    /// Dimensions after the batch: the classes, and ones.
    dims: Vec<usize>,
    /// Its values are float16, not float32.
    pub is_half: bool,
}

/// Shapes that outputs had in a run, by name.
pub(super) type Shapes = BTreeMap<String, Vec<i64>>;

/// Why no output is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoOutput {
    /// None has the type and shape of a classifier's, or not the one that is named.
    Unfit,
    /// The file does not say how many classes there are.
    Uncounted,
    /// Those that fit, of which this is the first, have their values in another order than that of the classes.
    Reordered(String),
    /// None has the name.
    Unnamed,
    /// Several could be meant.
    Several,
}

impl Output {
    /// The output that has the classes' values: the one called `named`, else by shape and by the nodes that make it.
    /// `classes` is the number of class names, if known, and `shapes` those that outputs had in a run.
    pub(super) fn of(
        outputs: &[Outlet],
        heads: &Heads,
        named: Option<&str>,
        classes: Option<usize>,
        shapes: &Shapes,
    ) -> Result<Self, NoOutput> {
        let fitting = outputs
            .iter()
            .filter_map(|outlet| Self::fitting(outlet, classes, shapes));
        let unfit = || match outputs.iter().any(|outlet| is_uncounted(outlet, shapes)) {
            true => NoOutput::Uncounted,
            false => NoOutput::Unfit,
        };
        if let Some(named) = named {
            if !outputs.iter().any(|outlet| outlet.name() == named) {
                return Err(NoOutput::Unnamed);
            }
            let mut fitting = fitting;
            let output = fitting.find(|output| output.name == named);
            let output = output.ok_or_else(unfit)?;
            return match heads.reordered(named) {
                Some(_) => Err(NoOutput::Reordered(output.name)),
                None => Ok(output),
            };
        }
        let (mut found, others): (Vec<_>, Vec<_>) =
            fitting.partition(|output| heads.reordered(&output.name).is_none());
        if let Some(first) = others.first() {
            // Beside sorted values, only what they are made of has the same classes.
            let is_sorted = |output: &Self| {
                others
                    .iter()
                    .any(|other| heads.are_one(&output.name, &other.name))
            };
            found.retain(is_sorted);
            if found.is_empty() {
                return Err(NoOutput::Reordered(first.name.clone()));
            }
        }
        keep(&mut found, |output| Some(output.classes) == classes);
        // A single probability is that of the second of two classes.
        if classes == Some(2) && found.iter().all(|output| output.classes != 2) {
            keep(&mut found, |output| {
                output.classes == 1 && heads.ending(&output.name) == Ending::Sigmoid
            });
        }
        let mut candidates = merged(found, heads);
        // A single value beside the classes is a score of something else, unless it stands for two.
        if classes != Some(2) {
            let is_head = |output: &Self| heads.ending(&output.name) != Ending::Other;
            let several = candidates
                .iter()
                .any(|candidate| candidate.output.classes > 1 && is_head(&candidate.output));
            candidates.retain(|candidate| !several || candidate.output.classes > 1);
        }
        keep(&mut candidates, |candidate| candidate.is_called_logits);
        let endings: Vec<_> = candidates
            .iter()
            .map(|candidate| candidate.output.name.clone())
            .collect();
        candidates.retain(|candidate| {
            !endings
                .iter()
                .any(|other| is_preferred(heads, other, &candidate.output.name))
        });
        let outputs: Vec<_> = candidates.into_iter().map(|candidate| candidate.output).collect();
        match <[Self; 1]>::try_from(outputs) {
            Ok([only]) => Ok(only),
            Err(none) if none.is_empty() => Err(unfit()),
            Err(_) => Err(NoOutput::Several),
        }
    }

    /// The outlet as an output, if it has a value for each image and class.
    fn fitting(outlet: &Outlet, classes: Option<usize>, shapes: &Shapes) -> Option<Self> {
        let is_half = is_half(outlet)?;
        let shape: &[i64] = match shapes.get(outlet.name()) {
            Some(shape) => shape,
            None => outlet.dtype().tensor_shape()?,
        };
        let (_, dims) = shape.split_first()?;
        let unknown = dims.iter().filter(|dim| known(**dim).is_none()).count();
        let dims: Option<Vec<_>> = match unknown {
            0 | 1 => dims.iter().map(|dim| known(*dim).or(classes)).collect(),
            _ => None,
        };
        let dims =
            dims.filter(|dims| !dims.is_empty() && dims.iter().filter(|dim| **dim > 1).count() <= 1)?;
        Some(Self {
            name: outlet.name().to_owned(),
            classes: dims.iter().product(),
            dims,
            is_half,
        })
    }

    /// Its shape for `n` images.
    pub(super) fn shape(&self, n: usize) -> Vec<usize> {
        [&[n], self.dims.as_slice()].concat()
    }

    /// ONNX Runtime's name for its type.
    pub(super) fn element(&self) -> TensorElementType {
        match self.is_half {
            true => TensorElementType::Float16,
            false => TensorElementType::Float32,
        }
    }
}

/// Values of an image in the output of pooled features, as this project's files have it.
pub(super) fn features(outputs: &[Outlet]) -> Option<usize> {
    let outlet = outputs.iter().find(|outlet| outlet.name() == FEATURES)?;
    let is_float = outlet.dtype().tensor_type()? == TensorElementType::Float32;
    let shape = outlet.dtype().tensor_shape()?;
    match **shape {
        [_, len] if is_float => known(len),
        _ => None,
    }
}

/// float16 as float32.
pub(super) fn widened(values: &[f16]) -> Vec<f32> {
    values.iter().map(|value| value.to_f32()).collect()
}

/// An output, and what is known of those that are made of the same values.
struct Candidate {
    output: Output,
    /// It or one of those is called `logits`.
    is_called_logits: bool,
}

/// Of logits and their probabilities, either will do: the probabilities are taken.
fn merged(outputs: Vec<Output>, heads: &Heads) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for output in outputs {
        let is_called_logits = output.name == LOGITS;
        let same = |other: &&mut Candidate| {
            other.output.classes == output.classes && heads.are_one(&output.name, &other.output.name)
        };
        match candidates.iter_mut().find(same) {
            Some(other) => {
                other.is_called_logits |= is_called_logits;
                let ending = heads.ending(&output.name);
                let says_more = heads.ending(&other.output.name) == Ending::Other && ending != Ending::Other;
                if says_more || is_probability(heads, &output.name) {
                    other.output = output;
                }
            }
            None => candidates.push(Candidate {
                output,
                is_called_logits,
            }),
        }
    }
    candidates
}

/// Whether `one` is a classifier's output where `other` is none: features, or what was made of the classes' values.
fn is_preferred(heads: &Heads, one: &str, other: &str) -> bool {
    match (heads.ending(one), heads.ending(other)) {
        (Ending::Softmax | Ending::Sigmoid, Ending::Linear) => heads.is_made_of(one, other),
        (Ending::Softmax, Ending::Other) => true,
        // Sigmoid may be one of a layer inside, and a product one that makes features.
        (Ending::Sigmoid | Ending::Linear, Ending::Other) => !heads.is_made_of(other, one),
        _ => false,
    }
}

/// Leaves out what is not wanted, unless that is all.
fn keep<T>(all: &mut Vec<T>, wanted: impl Fn(&T) -> bool) {
    if all.iter().any(&wanted) {
        all.retain(wanted);
    }
}

/// Whether its values are float16; `None` if they are not float32 either.
fn is_half(outlet: &Outlet) -> Option<bool> {
    match outlet.dtype().tensor_type()? {
        TensorElementType::Float32 => Some(false),
        TensorElementType::Float16 => Some(true),
        _ => None,
    }
}

/// Whether the file leaves open how many values of a kind that fits it gives for an image, and no run has shown it.
fn is_uncounted(outlet: &Outlet, shapes: &Shapes) -> bool {
    let dims = outlet.dtype().tensor_shape().map_or(&[][..], |shape| shape);
    let is_open = dims.is_empty() || dims.iter().skip(1).any(|dim| known(*dim).is_none());
    is_open && is_half(outlet).is_some() && !shapes.contains_key(outlet.name())
}

fn is_probability(heads: &Heads, output: &str) -> bool {
    matches!(heads.ending(output), Ending::Softmax | Ending::Sigmoid)
}

/// Names and types, for a message.
pub(super) fn list(outlets: &[Outlet]) -> String {
    let outlets: Vec<_> = outlets
        .iter()
        .map(|outlet| format!("`{}` {}", outlet.name(), outlet.dtype()))
        .collect();
    if outlets.is_empty() {
        "none".to_owned()
    } else {
        outlets.join(", ")
    }
}
