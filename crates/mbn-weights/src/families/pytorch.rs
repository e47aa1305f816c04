//! PyTorch: the state dict's own names and layouts.

use mbn_spec::{Alpha, Architecture, TensorSpec, Variant};

use crate::MismatchError;
use crate::family::{Family, Stored};

/// The first tensor of a state dict.
const STEM: &str = "model.0.0.weight";

pub(crate) static FAMILY: Family = Family {
    owner: "",
    variant: Variant::PYTORCH,
    preprocess: None,
    recognises,
    plain_name: str::to_owned,
    stored,
};

/// Whether at least one tensor has a name from the network.
fn recognises(names: &[&str]) -> bool {
    let specs = Architecture::new(Alpha::One, 1).tensors();
    specs.iter().any(|spec| names.contains(&spec.name.as_str()))
}

fn stored(spec: &TensorSpec) -> Option<Stored> {
    Some(Stored::same(&spec.name, spec))
}

/// The error for a file that holds something else altogether; it does not list every missing tensor.
pub(crate) fn no_known_name(names: &[&str]) -> MismatchError {
    let prefix = names.iter().find_map(|name| name.strip_suffix(STEM));
    let problem = match prefix {
        Some(prefix) => format!("their names begin with `{prefix}`; rename them without it, as in `{STEM}`"),
        None => format!(
            "none of the {} has a name from MobileNetV1, such as `{STEM}`",
            names.len()
        ),
    };
    MismatchError {
        expected: "a MobileNetV1".into(),
        problems: vec![problem],
    }
}
