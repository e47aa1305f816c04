//! A MobileNetV1's tensors, under PyTorch's names and in its layouts, with their metadata.

use std::collections::{BTreeMap, BTreeSet};

use mbn_spec::text::counted;
use mbn_spec::{
    Architecture, Metadata, NormTensor, TensorKind, TensorRole, TensorSpec, Variant, default_class_names,
};
use safetensors::Dtype;

use crate::MismatchError;
use crate::error::{Problem, ValueError};

/// A state dict of MobileNetV1 with its metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    architecture: Architecture,
    metadata: Metadata,
    floats: BTreeMap<String, Vec<f32>>,
    counters: BTreeMap<String, i64>,
}

impl Weights {
    /// Builds a state dict from the values of each float tensor (row-major) and the count of each counter, which are asked for in the
    /// architecture's order.
    ///
    /// # Errors
    /// As [`Weights::new`].
    pub fn from_fns(
        architecture: Architecture,
        metadata: Metadata,
        mut values: impl FnMut(&TensorSpec) -> Vec<f32>,
        mut count: impl FnMut(&TensorSpec) -> i64,
    ) -> Result<Self, MismatchError> {
        let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
        for spec in architecture.tensors() {
            match spec.kind {
                TensorKind::Counter => drop(counters.insert(spec.name.clone(), count(&spec))),
                _ => drop(floats.insert(spec.name.clone(), values(&spec))),
            }
        }
        Self::new(architecture, metadata, floats, counters)
    }

    /// Builds a state dict from float tensors (row-major) and counters.
    ///
    /// # Errors
    /// [`MismatchError`] lists every tensor that is missing, unexpected or of the wrong length, and says if there
    /// are no classes, or more or fewer class names than classes.
    pub fn new(
        architecture: Architecture,
        mut metadata: Metadata,
        floats: BTreeMap<String, Vec<f32>>,
        counters: BTreeMap<String, i64>,
    ) -> Result<Self, MismatchError> {
        let mut problems = Vec::new();
        if architecture.classes == 0 {
            problems.push(Problem::Other(
                "its classifier has no class, expected at least one".to_owned(),
            ));
        }
        let mut expected_names = BTreeSet::new();
        for spec in architecture.tensors() {
            let len = spec.shape.iter().product::<usize>();
            match spec.kind {
                TensorKind::Counter if counters.contains_key(&spec.name) => {}
                TensorKind::Counter => problems.push(Problem::Missing(spec.name.clone())),
                _ => match floats.get(&spec.name) {
                    None => problems.push(Problem::Missing(spec.name.clone())),
                    Some(values) if values.len() != len => problems.push(Problem::Other(format!(
                        "`{}` has {}, expected {len} ({:?})",
                        spec.name,
                        counted(values.len(), "value"),
                        spec.shape
                    ))),
                    Some(_) => {}
                },
            }
            expected_names.insert(spec.name);
        }
        let unexpected = floats
            .keys()
            .chain(counters.keys())
            .filter(|name| !expected_names.contains(*name));
        problems.extend(unexpected.map(|name| Problem::Unexpected(name.clone())));
        if let Some(names) = &metadata.classes
            && names.len() != architecture.classes
        {
            let (found, expected) = (names.len(), architecture.classes);
            problems.push(Problem::Other(format!(
                "metadata names {}, the classifier has {expected}",
                counted(found, "class")
            )));
        }
        if !problems.is_empty() {
            return Err(MismatchError {
                expected: architecture.to_string(),
                problems,
            });
        }
        metadata.alpha = Some(architecture.alpha);
        metadata.variant = Some(architecture.variant);
        Ok(Self {
            architecture,
            metadata,
            floats,
            counters,
        })
    }

    /// The same tensors with other metadata; the network still sets alpha and variant.
    ///
    /// # Errors
    /// [`MismatchError`] if there are more or fewer class names than classes.
    pub fn with_metadata(self, metadata: Metadata) -> Result<Self, MismatchError> {
        Self::new(self.architecture, metadata, self.floats, self.counters)
    }

    /// The same tensors in a network with another activation, epsilon or padding.
    #[must_use]
    pub fn with_variant(mut self, variant: Variant) -> Self {
        self.architecture.variant = variant;
        self.metadata.variant = Some(variant);
        self
    }

    /// The network that these weights belong to.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The file's metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Class names from the metadata, or else `class_0`, `class_1`, ...
    pub fn class_names(&self) -> Vec<String> {
        let names = self.metadata.classes.clone();
        names.unwrap_or_else(|| default_class_names(self.architecture.classes))
    }

    /// Replaces the class names.
    ///
    /// # Errors
    /// [`MismatchError`] if there are more or fewer names than classes.
    pub fn with_class_names(mut self, names: Vec<String>) -> Result<Self, MismatchError> {
        self.metadata.classes = Some(names);
        Self::new(self.architecture, self.metadata, self.floats, self.counters)
    }

    /// A float tensor's values, row-major; empty if there is no such tensor.
    pub fn values(&self, name: &str) -> &[f32] {
        self.floats.get(name).map_or(&[], Vec::as_slice)
    }

    /// The name of the first tensor with a NaN or an infinity, if there is one.
    pub fn not_finite(&self) -> Option<&str> {
        let mut floats = self.floats.iter();
        let bad = floats.find(|(_, values)| !values.iter().all(|value| value.is_finite()));
        bad.map(|(name, _)| name.as_str())
    }

    /// Checks that a network with these weights can compute.
    ///
    /// # Errors
    /// [`ValueError`] with the first value that it cannot.
    pub fn require_computable(&self) -> Result<(), ValueError> {
        let epsilon = self.architecture.variant.batch_norm_epsilon;
        for spec in self.architecture.tensors() {
            let values = self.values(&spec.name);
            let tensor = spec.name.clone();
            if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                return Err(ValueError::NotFinite { tensor, value });
            }
            let is_negative = |value: &&f32| f64::from(**value) + epsilon <= 0.0;
            if let TensorRole::Norm(_, NormTensor::Variance) = spec.role
                && let Some(&value) = values.iter().find(is_negative)
            {
                return Err(ValueError::NegativeVariance { tensor, value });
            }
        }
        Ok(())
    }

    /// A counter's value; 0 if there is no such counter.
    pub fn counter(&self, name: &str) -> i64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// Every tensor with dtype, shape and little-endian bytes, in order of name.
    pub(crate) fn tensor_bytes(&self) -> BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> {
        let content = |spec: TensorSpec| {
            let (dtype, bytes) = match spec.kind {
                TensorKind::Counter => (Dtype::I64, self.counter(&spec.name).to_le_bytes().to_vec()),
                _ => (
                    Dtype::F32,
                    self.values(&spec.name)
                        .iter()
                        .flat_map(|v| v.to_le_bytes())
                        .collect(),
                ),
            };
            (spec.name, (dtype, spec.shape, bytes))
        };
        self.architecture.tensors().into_iter().map(content).collect()
    }
}

#[cfg(test)]
mod tests;
