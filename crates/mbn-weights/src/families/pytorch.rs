//! PyTorch: the state dict's own names and layouts.

use mbn_spec::{TensorSpec, Variant};

use crate::family::{Family, Stored};

pub(crate) static FAMILY: Family = Family {
    owner: "",
    variant: Variant::PYTORCH,
    preprocess: None,
    plain_name: str::to_owned,
    stored,
};

fn stored(spec: &TensorSpec) -> Option<Stored> {
    Some(Stored::same(&spec.name, spec))
}
