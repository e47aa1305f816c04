//! Weights for tests.

use std::collections::BTreeMap;

use mbn_spec::{Alpha, Architecture, Metadata, Preprocess, TensorKind, Training};

use crate::Weights;

/// An alpha 0.25 network with all metadata. No two tensors hold the same values.
pub(crate) fn sample(classes: usize) -> Weights {
    sample_of(Alpha::Quarter, classes)
}

/// As [`sample`], of another alpha.
pub(crate) fn sample_of(alpha: Alpha, classes: usize) -> Weights {
    let architecture = Architecture::new(alpha, classes);
    let mut floats = BTreeMap::new();
    let mut counters = BTreeMap::new();
    for (i, spec) in architecture.tensors().into_iter().enumerate() {
        let len = spec.shape.iter().product::<usize>();
        match spec.kind {
            TensorKind::Counter => drop(counters.insert(spec.name, i as i64)),
            _ => drop(floats.insert(spec.name, (0..len).map(|j| (i * 31 + j) as f32 * 0.01).collect())),
        }
    }
    let metadata = Metadata {
        classes: Some((0..classes).map(|i| format!("name {i}")).collect()),
        preprocess: Some(Preprocess::default()),
        training: Some(Training::default()),
        ..Metadata::default()
    };
    Weights::new(architecture, metadata, floats, counters).unwrap()
}
