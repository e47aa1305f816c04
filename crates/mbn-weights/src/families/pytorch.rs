//! PyTorch: the state dict's own names and layouts, and other libraries' names for the same tensors.

use mbn_spec::{ConvLayer, TensorRole, TensorSpec, Variant};

use crate::family::{Family, Stored};

pub(crate) static FAMILY: Family = Family {
    name: "",
    variant: Variant::PYTORCH,
    preprocess: None,
    beside: None,
    arguments: None,
    plain_name: str::to_owned,
    stored,
};

fn stored(spec: &TensorSpec) -> Option<Stored> {
    Some(Stored::same(&spec.name, spec))
}

/// A tensor of another PyTorch program, which names the modules differently: a convolution, its batch norm and the classifier.
/// What a module's tensors are called, and their layouts, PyTorch decides.
pub(super) fn renamed(
    spec: &TensorSpec,
    convolution: impl Fn(&ConvLayer) -> String,
    norm: impl Fn(&ConvLayer) -> String,
    classifier: &str,
) -> Option<Stored> {
    let module = match &spec.role {
        TensorRole::Convolution(layer) => convolution(layer),
        TensorRole::Norm(layer, _) => norm(layer),
        TensorRole::ClassifierWeight | TensorRole::ClassifierBias => classifier.to_owned(),
    };
    let tensor = spec.name.rsplit('.').next()?;
    Some(Stored::same(format!("{module}.{tensor}"), spec))
}
