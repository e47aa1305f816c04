//! What a family of weight files is, and how a file of any family becomes a state dict.

use std::collections::{BTreeMap, BTreeSet};

use mbn_spec::{Alpha, Architecture, Metadata, Preprocess, STEM_CHANNELS, TensorKind, TensorSpec, Variant};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::error::Problem;
use crate::{Adaptation, MismatchError, WeightFile, Weights, WeightsErrorKind, values};

/// The names and layouts that one library uses, and the arithmetic and preprocessing that its weights expect.
pub(crate) struct Family {
    /// Goes before `MobileNetV1` in messages: empty, or `Keras's `.
    pub owner: &'static str,
    /// Activation, epsilon and padding, unless the file's metadata says otherwise.
    pub variant: Variant,
    /// Preprocessing, unless the file's metadata says otherwise; `None` for the default.
    pub preprocess: Option<Preprocess>,
    /// A name in the file, as [`Family::stored`] writes it.
    pub plain_name: fn(&str) -> String,
    /// Where the file keeps a tensor; `None` for a counter, if the family has none.
    pub stored: fn(&TensorSpec) -> Option<Stored>,
}

/// Where a file keeps a tensor of the state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub name: String,
    /// In the file's order of dimensions.
    pub shape: Vec<usize>,
    /// For each dimension in the state dict, its index in the file. Dimensions left out have size 1.
    pub order: Vec<usize>,
}

impl Stored {
    /// A tensor that differs from the state dict's in name only.
    pub fn same(name: impl Into<String>, spec: &TensorSpec) -> Self {
        Self {
            name: name.into(),
            shape: spec.shape.clone(),
            order: (0..spec.shape.len()).collect(),
        }
    }

    /// The file's values as float32, in the state dict's order.
    fn floats(&self, view: &TensorView) -> Vec<f32> {
        let values = values::floats(view);
        if self.order.iter().copied().eq(0..self.shape.len()) {
            return values;
        }
        self.offsets().into_iter().map(|i| values[i]).collect()
    }

    /// For each value of the state dict's tensor, its position in the file's.
    fn offsets(&self) -> Vec<usize> {
        let mut strides = vec![1; self.shape.len()];
        for i in (1..strides.len()).rev() {
            strides[i - 1] = strides[i] * self.shape[i];
        }
        let mut offsets = vec![0];
        for &dim in &self.order {
            let (steps, stride) = (0..self.shape[dim], strides[dim]);
            offsets = offsets
                .iter()
                .flat_map(|offset| steps.clone().map(move |step| offset + step * stride))
                .collect();
        }
        offsets
    }
}

impl Family {
    /// Makes a state dict of the tensors that were found under this family's names. `adaptations` are what is different
    /// about the file, `foreign` the tensors that do not belong to the network.
    pub fn read(
        &self,
        views: BTreeMap<String, TensorView<'_>>,
        mut adaptations: Vec<Adaptation>,
        foreign: Vec<Problem>,
        mut metadata: Metadata,
    ) -> Result<WeightFile, WeightsErrorKind> {
        metadata.variant.get_or_insert(self.variant);
        metadata.preprocess = metadata.preprocess.or(self.preprocess);
        let architecture = self.nearest_architecture(&views, &metadata);
        let mut problems = self.problems(&views, &architecture);
        problems.extend(foreign);
        if let Some(stated) = metadata.alpha
            && stated != architecture.alpha
        {
            let found = architecture.alpha;
            let text = format!("metadata says alpha {stated}, the shapes belong to alpha {found}");
            problems.insert(0, Problem::Other(text));
        }
        if !problems.is_empty() {
            let expected = format!("{}{architecture}", self.owner);
            return Err(MismatchError { expected, problems }.into());
        }
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
                _ => {}
            }
        }
        adaptations.extend(converted(&views));
        Ok(WeightFile {
            weights: Weights::new(architecture, metadata, floats, counters)?,
            adaptations,
        })
    }

    /// Every tensor that is missing or has another shape or type.
    fn problems(&self, views: &Views, architecture: &Architecture) -> Vec<Problem> {
        let mut problems = Vec::new();
        for spec in architecture.tensors() {
            let Some(stored) = (self.stored)(&spec) else {
                continue;
            };
            let view = views.get(&stored.name);
            let fits = match (spec.kind, view) {
                (TensorKind::Counter, view) => view.is_none_or(values::is_counter),
                (_, Some(view)) => values::is_float(view.dtype()) && view.shape() == stored.shape,
                (_, None) => false,
            };
            let dtype = match spec.kind {
                TensorKind::Counter => Dtype::I64,
                _ => Dtype::F32,
            };
            match view {
                _ if fits => {}
                None => problems.push(Problem::Missing(stored.name)),
                Some(view) => {
                    let (found, shape) = (view.dtype(), view.shape());
                    problems.push(Problem::Other(format!(
                        "`{}` is {found} {shape:?}, expected {dtype} {:?}",
                        stored.name, stored.shape
                    )));
                }
            }
        }
        problems
    }

    /// The network that best matches the tensors. The classifier gives the number of classes. The stem gives alpha; if
    /// it does not, the metadata does, or else the alpha with the fewest problems to list.
    fn nearest_architecture(&self, views: &Views, metadata: &Metadata) -> Architecture {
        let outputs = |name: &str| self.outputs(views, name);
        let named = metadata.classes.as_ref().map(Vec::len);
        let classes = outputs("fc.bias").or_else(|| outputs("fc.weight")).or(named);
        let of = |alpha| Architecture {
            alpha,
            classes: classes.unwrap_or(1),
            variant: metadata.variant.unwrap_or(self.variant),
        };
        let alphas = Alpha::ALL.into_iter();
        let stem = outputs("model.0.0.weight");
        let by_stem = alphas
            .clone()
            .find(|alpha| Some(alpha.scale(STEM_CHANNELS)) == stem);
        let alpha = by_stem
            .or(metadata.alpha)
            .or_else(|| alphas.min_by_key(|alpha| self.problems(views, &of(*alpha)).len()));
        of(alpha.unwrap_or(Alpha::One))
    }

    /// The outermost dimension of a tensor of the state dict, read from the file.
    fn outputs(&self, views: &Views, name: &str) -> Option<usize> {
        let mut specs = Architecture::new(Alpha::One, 1).tensors().into_iter();
        let stored = (self.stored)(&specs.find(|spec| spec.name == name)?)?;
        let dim = *stored.order.first()?;
        views.get(&stored.name)?.shape().get(dim).copied()
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

/// The file's tensors by plain name.
type Views<'a> = BTreeMap<String, TensorView<'a>>;

#[cfg(test)]
mod tests;
