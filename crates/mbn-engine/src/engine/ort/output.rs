//! The output of an ONNX file that has the classes' values, found once.

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

/// Why no output is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoOutput {
    /// None has the type and shape of a classifier's, or not the one that is named.
    Unfit,
    /// None has the name.
    Unnamed,
    /// Several could be meant.
    Several,
}

impl Output {
    /// The output that has the classes' values: the one called `named`, else by shape and by the nodes that make it.
    /// `classes` is the number of class names, if known.
    pub(super) fn of(
        outputs: &[Outlet],
        heads: &Heads,
        named: Option<&str>,
        classes: Option<usize>,
    ) -> Result<Self, NoOutput> {
        let fitting = outputs.iter().filter_map(|outlet| Self::fitting(outlet, classes));
        if let Some(named) = named {
            if !outputs.iter().any(|outlet| outlet.name() == named) {
                return Err(NoOutput::Unnamed);
            }
            let mut fitting = fitting;
            return fitting.find(|output| output.name == named).ok_or(NoOutput::Unfit);
        }
        let mut found: Vec<_> = fitting.collect();
        keep(&mut found, |output| Some(output.classes) == classes);
        // Of logits and their probabilities, either will do.
        let mut distinct: Vec<Self> = Vec::new();
        for output in found {
            let same = |other: &&mut Self| heads.are_one(&output.name, &other.name);
            match distinct.iter_mut().find(same) {
                Some(other) if is_probability(heads, &output.name) => *other = output,
                Some(_) => {}
                None => distinct.push(output),
            }
        }
        // A single value beside the classes is a score of something else, unless it stands for two.
        if classes != Some(2) {
            let is_head = |output: &Self| heads.ending(&output.name) != Ending::Other;
            let several = distinct
                .iter()
                .any(|output| output.classes > 1 && is_head(output));
            distinct.retain(|output| !several || output.classes > 1);
        }
        keep(&mut distinct, |output| is_probability(heads, &output.name));
        keep(&mut distinct, |output| {
            heads.ending(&output.name) != Ending::Other
        });
        keep(&mut distinct, |output| output.name == LOGITS);
        match <[Self; 1]>::try_from(distinct) {
            Ok([only]) => Ok(only),
            Err(none) if none.is_empty() => Err(NoOutput::Unfit),
            Err(_) => Err(NoOutput::Several),
        }
    }

    /// The outlet as an output, if it has a value for each image and class.
    fn fitting(outlet: &Outlet, classes: Option<usize>) -> Option<Self> {
        let is_half = match outlet.dtype().tensor_type()? {
            TensorElementType::Float32 => false,
            TensorElementType::Float16 => true,
            _ => return None,
        };
        let (_, dims) = outlet.dtype().tensor_shape()?.split_first()?;
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

/// Leaves out what is not wanted, unless that is all.
fn keep(outputs: &mut Vec<Output>, wanted: impl Fn(&Output) -> bool) {
    if outputs.iter().any(&wanted) {
        outputs.retain(wanted);
    }
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
