//! How well the tensors of a file fit a network.

use mbn_spec::{Alpha, Architecture, Metadata, STEM_CHANNELS, TensorKind, TensorRole, TensorSpec};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::Family;
use crate::error::Problem;
use crate::values;
use crate::views::Views;

impl Family {
    pub(super) fn find<'v, 'a>(&self, views: &'v Views<'a>, spec: &TensorSpec) -> Option<&'v TensorView<'a>> {
        views.get(&(self.stored)(spec)?.name)
    }

    /// Every tensor that is missing or has another shape or type.
    pub(super) fn problems(
        &self,
        views: &Views,
        architecture: &Architecture,
        has_classifier: bool,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for spec in architecture.tensors() {
            if is_classifier(&spec) && !has_classifier {
                continue;
            }
            let Some(stored) = (self.stored)(&spec) else {
                continue;
            };
            let view = views.get(&stored.name);
            let fits = match (spec.kind, view) {
                (TensorKind::Counter, view) => view.is_none_or(values::is_counter),
                (_, Some(view)) => {
                    values::is_float(view.dtype()) && has_shape(&spec, view.shape(), &stored.shape)
                }
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
    pub(super) fn nearest_architecture(&self, views: &Views, metadata: &Metadata) -> Architecture {
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
            .or_else(|| alphas.min_by_key(|alpha| self.problems(views, &of(*alpha), true).len()));
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

pub(super) fn is_classifier(spec: &TensorSpec) -> bool {
    matches!(
        spec.role,
        TensorRole::ClassifierWeight | TensorRole::ClassifierBias
    )
}

/// Whether a tensor has the expected shape. The classifier may be a 1x1 convolution or a matrix, whose values are in the same
/// order.
fn has_shape(spec: &TensorSpec, found: &[usize], expected: &[usize]) -> bool {
    let sides = |shape: &[usize]| -> Vec<usize> { shape.iter().copied().filter(|side| *side != 1).collect() };
    found == expected || (is_classifier(spec) && sides(found) == sides(expected))
}
