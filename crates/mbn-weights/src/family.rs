//! What a family of weight files is, and how a file of any family becomes a state dict.

mod description;
mod fit;
mod head;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mbn_spec::text::counted;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess, TensorKind, TensorSpec, Variant};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Map, Value};

use crate::beside::fields::BesideError;
use crate::beside::{Described, FromArguments};
use crate::contents::{Head, WeightFile};
use crate::error::Problem;
use crate::stray::Stray;
use crate::views::Views;
use crate::{Adaptation, MismatchError, Weights, WeightsErrorKind, values};
use fit::is_classifier;
use head::FoundHead;

pub(crate) use stored::Stored;

/// Reads a folder's description of the weights in it, given the usual preprocessing.
type ReadBeside = fn(&Path, Preprocess) -> Result<Described, BesideError>;

/// Reads the arguments of a training script, given the usual preprocessing.
type ReadArguments = fn(&Map<String, Value>, Preprocess) -> Result<FromArguments, BesideError>;

/// The names and layouts that one library uses, and the arithmetic and preprocessing that its weights expect.
pub(crate) struct Family {
    /// Its name in messages; empty for PyTorch's own names.
    pub name: &'static str,
    /// Activation, epsilon and padding, unless the file's metadata or the files beside it say otherwise.
    pub variant: Variant,
    /// Preprocessing, unless the file's metadata or the files beside it say otherwise; `None` for the default.
    pub preprocess: Option<fn(Alpha) -> Preprocess>,
    /// Reads what the library writes beside its weights, in the given folder. Starts from its usual preprocessing.
    pub beside: Option<ReadBeside>,
    /// Reads the arguments of the library's training script, which its checkpoints keep. Starts from its usual preprocessing.
    pub arguments: Option<ReadArguments>,
    /// A name in the file, as [`Family::stored`] writes it.
    pub plain_name: fn(&str) -> String,
    /// Where the file keeps a tensor; `None` for a counter, if the family has none.
    pub stored: fn(&TensorSpec) -> Option<Stored>,
}

/// Where a file comes from, and what it is read for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context<'a> {
    /// The file's folder.
    pub folder: Option<&'a Path>,
    /// The arguments of a training script that the file keeps.
    pub arguments: Option<&'a Map<String, Value>>,
    /// Whether the file may lack the classifier.
    pub head: Head,
    /// Whether the file says that its metadata is this project's.
    pub metadata_is_ours: bool,
}

/// What was found in a file under a family's names.
pub(crate) struct Found<'a> {
    /// The network's tensors, by the names that the family gives them.
    pub views: Views<'a>,
    /// What is different about the file.
    pub adaptations: Vec<Adaptation>,
    /// The tensors that do not belong to the network.
    pub foreign: Vec<Problem>,
    /// These, and those that stand beside it.
    pub strays: Vec<Stray<'a>>,
}

impl Family {
    /// Goes before `MobileNetV1` in messages: empty, or `Keras's `.
    pub fn owner(&self) -> String {
        match self.name {
            "" => String::new(),
            name => format!("{name}'s "),
        }
    }

    /// Makes a state dict of the tensors that were found under this family's names.
    pub fn read(
        &self,
        mut found: Found,
        mut metadata: Metadata,
        context: &Context,
    ) -> Result<WeightFile, WeightsErrorKind> {
        let mut architecture = self.nearest_architecture(&found.views, &metadata);
        // What this project writes is whole, under its names.
        let head = match context.metadata_is_ours {
            true => FoundHead::Usual,
            false => self.head(&found, &architecture, context.head),
        };
        let backbone = match (&head, context.metadata_is_ours) {
            (FoundHead::Usual, false) => self.whole_backbone(&found, &architecture),
            _ => None,
        };
        let taken_head = head.apply(&mut found);
        if let Some(taken) = &taken_head {
            architecture.classes = taken.bias.len();
        }
        let Found {
            views,
            mut adaptations,
            foreign,
            ..
        } = found;
        if !context.metadata_is_ours {
            adaptations.extend(drop_contradictions(&mut metadata, &architecture));
        }
        let has_own_classifier = architecture
            .tensors()
            .iter()
            .any(|spec| is_classifier(spec) && self.find(&views, spec).is_some());
        let has_classifier = taken_head.is_some() || has_own_classifier;
        let mut problems = self.problems(&views, &architecture, has_own_classifier && taken_head.is_none());
        let is_whole = problems.is_empty() && foreign.is_empty();
        if !has_classifier && !is_whole {
            // It is not a network that only lacks the classifier.
            problems = self.problems(&views, &architecture, true);
        }
        problems.extend(foreign);
        if !problems.is_empty() {
            // What stands beside a network that is not whole may be a part of it.
            problems.extend(adaptations.iter().flat_map(beside));
            problems.extend(backbone);
        }
        if let Some(stated) = metadata.alpha
            && stated != architecture.alpha
        {
            let found = architecture.alpha;
            let text = format!("metadata says alpha {stated}, the shapes belong to alpha {found}");
            problems.insert(0, Problem::Other(text));
        }
        if !problems.is_empty() {
            let expected = format!("{}{architecture}", self.owner());
            return Err(MismatchError { expected, problems }.into());
        }
        if !has_classifier && context.head == Head::Required {
            return Err(WeightsErrorKind::NoClassifier);
        }
        if !has_classifier {
            architecture.classes = 1;
            metadata.classes = None;
        }
        let (classes, taken) = (has_classifier.then_some(architecture.classes), &mut Vec::new());
        self.describe(
            &mut architecture,
            &mut metadata,
            classes,
            context,
            &mut adaptations,
            taken,
        )?;
        let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
        for spec in architecture.tensors() {
            let stored = (self.stored)(&spec);
            let view = stored.as_ref().and_then(|stored| views.get(&stored.name));
            match (spec.kind, stored, view) {
                // Old files and other libraries count no batches; only training reads the number.
                (TensorKind::Counter, _, view) => {
                    counters.insert(spec.name, view.and_then(values::counter).unwrap_or(0));
                }
                (_, Some(stored), Some(view)) => drop(floats.insert(spec.name, stored.floats(view))),
                _ if is_classifier(&spec) => {
                    let len = spec.shape.iter().product();
                    floats.insert(spec.name, vec![0.0; len]);
                }
                _ => {}
            }
        }
        if let Some(head::Taken { weight, bias }) = taken_head {
            floats.extend([("fc.weight".to_owned(), weight), ("fc.bias".to_owned(), bias)]);
        }
        adaptations.extend(converted(&views));
        Ok(WeightFile {
            weights: Weights::new(architecture, metadata, floats, counters)?,
            family: self.name,
            has_classifier,
            taken: std::mem::take(taken),
            adaptations,
        })
    }
}

/// Takes out of another program's metadata what the tensors contradict.
fn drop_contradictions(metadata: &mut Metadata, architecture: &Architecture) -> Option<Adaptation> {
    let mut dropped = Vec::new();
    if let Some(stated) = metadata.alpha.take_if(|stated| *stated != architecture.alpha) {
        let found = architecture.alpha;
        dropped.push(format!("`alpha` is {stated}, the shapes belong to alpha {found}"));
    }
    let named = metadata
        .classes
        .take_if(|names| names.len() != architecture.classes);
    if let Some(names) = named {
        let (names, classes) = (counted(names.len(), "class"), architecture.classes);
        dropped.push(format!("`classes` names {names}, the classifier has {classes}"));
    }
    (!dropped.is_empty()).then_some(Adaptation::ForeignMetadata(dropped))
}

/// The tensors that were left out since they stand beside the network, as problems.
fn beside(adaptation: &Adaptation) -> Vec<Problem> {
    match adaptation {
        Adaptation::Outside(names) => names.iter().cloned().map(Problem::Unexpected).collect(),
        _ => Vec::new(),
    }
}

/// The types of floats that are not the state dict's.
fn converted(views: &Views) -> Option<Adaptation> {
    let types = views.values().map(TensorView::dtype);
    let types: BTreeSet<_> = types
        .filter(|dtype| values::is_float(*dtype) && *dtype != Dtype::F32)
        .map(|dtype| dtype.to_string())
        .collect();
    (!types.is_empty()).then(|| Adaptation::Converted(types.into_iter().collect()))
}

#[cfg(test)]
mod tests;
