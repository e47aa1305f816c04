//! PyTorch's names and layouts, which are the state dict's own.

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

/// Whether at least one name is one of the network's.
fn recognises(names: &[&str]) -> bool {
    let specs = Architecture::new(Alpha::One, 1).tensors();
    specs.iter().any(|spec| names.contains(&spec.name.as_str()))
}

fn stored(spec: &TensorSpec) -> Option<Stored> {
    Some(Stored::same(&spec.name, spec))
}

/// Refuses a file of something else altogether, instead of listing every tensor that it lacks.
pub(crate) fn no_known_name(names: &[&str]) -> MismatchError {
    let prefix = names.iter().find_map(|name| name.strip_suffix(STEM));
    let problem = match prefix {
        Some(prefix) => format!("their names begin with `{prefix}`; write them without, as `{STEM}`"),
        None => format!(
            "none of the {} has a name of MobileNetV1's, such as `{STEM}`",
            names.len()
        ),
    };
    MismatchError {
        expected: "a MobileNetV1".into(),
        problems: vec![problem],
    }
}
