//! The constants of a graph and the attributes of its nodes, as numbers.

use std::collections::HashMap;

use half::f16;

use crate::proto::{AttributeProto, DataType, GraphProto, NodeProto, TensorProto};

/// Nodes that only change the type or shape of a constant, one behind the other.
const MAX_STEPS: usize = 8;
/// Values of a constant that is read: those for each channel, or of a product of channels.
const MAX_VALUES: usize = 16;

/// The constants of a graph, by name.
pub(super) struct Constants<'a> {
    /// Initializers, and those that nodes hold.
    tensors: HashMap<&'a str, &'a TensorProto>,
    /// Those that nodes hold as numbers, and whether they are a single one without a dimension.
    numbers: HashMap<&'a str, (Vec<f64>, bool)>,
    /// The constant of which another one is, by a node that keeps its values.
    same: HashMap<&'a str, &'a str>,
}

impl<'a> Constants<'a> {
    pub(super) fn of(graph: &'a GraphProto) -> Self {
        let initializers = graph.initializer.iter().map(|tensor| (tensor.name(), tensor));
        let mut constants = Self {
            tensors: initializers.collect(),
            numbers: HashMap::new(),
            same: HashMap::new(),
        };
        for node in &graph.node {
            let Some(output) = node.output.first() else {
                continue;
            };
            match node.op_type() {
                "Constant" => constants.hold(node, output),
                "Cast" | "Identity" | "Reshape" | "Unsqueeze" | "Squeeze" => {
                    if let Some(input) = node.input.first() {
                        constants.same.insert(output, input);
                    }
                }
                _ => {}
            }
        }
        constants
    }

    fn hold(&mut self, node: &'a NodeProto, output: &'a str) {
        for attribute in &node.attribute {
            let numbers = match attribute.name() {
                "value" => {
                    if let Some(tensor) = attribute.t.as_deref() {
                        self.tensors.insert(output, tensor);
                    }
                    continue;
                }
                "value_float" => (vec![f64::from(attribute.f())], true),
                "value_floats" => (
                    attribute.floats.iter().map(|value| f64::from(*value)).collect(),
                    false,
                ),
                "value_int" => (vec![attribute.i() as f64], true),
                "value_ints" => (attribute.ints.iter().map(|value| *value as f64).collect(), false),
                _ => continue,
            };
            self.numbers.insert(output, numbers);
        }
    }

    /// The name under which a constant is held.
    fn held<'n>(&'n self, name: &'n str) -> Option<&'n str> {
        let mut name = name;
        for _ in 0..MAX_STEPS {
            if self.tensors.contains_key(name) || self.numbers.contains_key(name) {
                return Some(name);
            }
            name = self.same.get(name)?;
        }
        None
    }

    /// The values of a small constant.
    pub(super) fn values(&self, name: &str) -> Option<Vec<f64>> {
        let name = self.held(name)?;
        match self.tensors.get(name) {
            Some(tensor) => values(tensor),
            None => self.numbers.get(name).map(|(numbers, _)| numbers.clone()),
        }
    }

    /// The values of a small constant of whole numbers.
    pub(super) fn ints(&self, name: &str) -> Option<Vec<i64>> {
        let values = self.values(name)?;
        let is_whole = |value: &f64| value.fract() == 0.0;
        values
            .iter()
            .all(is_whole)
            // Beyond the integers, `as` gives the largest, which is what such bounds of slices mean.
            .then(|| values.iter().map(|value| *value as i64).collect())
    }

    /// The shape of a constant, if it is held with that shape.
    pub(super) fn dims(&self, name: &str) -> Option<&'a [i64]> {
        self.tensors.get(name).map(|tensor| tensor.dims.as_slice())
    }

    /// Whether a constant is a single number without a dimension; `None` if it is not held as it is.
    pub(super) fn is_scalar(&self, name: &str) -> Option<bool> {
        let of_tensor = self.tensors.get(name).map(|tensor| tensor.dims.is_empty());
        of_tensor.or(self.numbers.get(name).map(|(_, is_scalar)| *is_scalar))
    }
}

/// The values of a tensor.
fn values(tensor: &TensorProto) -> Option<Vec<f64>> {
    let product = tensor
        .dims
        .iter()
        .try_fold(1i64, |product, dim| product.checked_mul(*dim))?;
    let count = usize::try_from(product)
        .ok()
        .filter(|count| *count <= MAX_VALUES)?;
    let bytes = tensor.element_bytes()?;
    let values: Vec<f64> = match tensor.data_type() {
        DataType::Float => read(&bytes, |bytes| f32::from_le_bytes(bytes).into()),
        DataType::Double => read(&bytes, f64::from_le_bytes),
        DataType::Float16 => read(&bytes, |bytes| f16::from_le_bytes(bytes).into()),
        DataType::Int64 => read(&bytes, |bytes| i64::from_le_bytes(bytes) as f64),
        DataType::Int32 => read(&bytes, |bytes| i32::from_le_bytes(bytes).into()),
        _ => return None,
    };
    (values.len() == count).then_some(values)
}

fn read<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|bytes| value(*bytes)).collect()
}

/// An attribute of a node.
fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name() == name)
}

/// An attribute that is a whole number.
pub(super) fn int(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(AttributeProto::i)
}

/// An attribute that is a number.
pub(super) fn float(node: &NodeProto, name: &str) -> Option<f64> {
    attribute(node, name).map(|attribute| f64::from(attribute.f()))
}

/// An attribute of whole numbers.
pub(super) fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|attribute| attribute.ints.as_slice())
}
