//! The constants of a graph, and what its nodes compute of constants alone: the mean that a graph negates, the standard deviation of
//! which it takes the reciprocal.

mod compute;
mod integers;
mod read;
mod tensor;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

pub(super) use tensor::{Tensor, sliced};

use super::attributes::attribute;
use crate::proto::{DataType, NodeProto, TensorProto};

/// Constants that are computed of others, one of another.
const MAX_DEPTH: usize = 32;
/// Constants that are read or computed.
const MAX_CONSTANTS: usize = 1024;
/// Values of all of them together: a mean image has three for each pixel.
const MAX_VALUES: usize = 4 << 20;
/// Nodes that are looked at to see whether a value is a constant.
const MAX_NODES: usize = 256;

/// The constants of a graph, each read or computed at most once.
pub(super) struct Constants<'a> {
    /// Initializers, and the tensors that nodes hold.
    tensors: HashMap<&'a str, &'a TensorProto>,
    /// The nodes that define values, with the index of the output.
    producers: HashMap<&'a str, (&'a NodeProto, usize)>,
    /// The model's file, beside which constants may have their data.
    file: Option<&'a Path>,
    /// What was read or computed; `None` if it is no constant, or none that can be read.
    known: RefCell<HashMap<String, Option<Rc<Tensor>>>>,
    constants_left: Cell<usize>,
    values_left: Cell<usize>,
}

impl<'a> Constants<'a> {
    pub(super) fn of(
        nodes: impl IntoIterator<Item = &'a NodeProto>,
        initializers: &'a [TensorProto],
        file: Option<&'a Path>,
    ) -> Self {
        let initializers = initializers.iter().map(|tensor| (tensor.name(), tensor));
        let mut tensors: HashMap<_, _> = initializers.collect();
        let mut producers = HashMap::new();
        for node in nodes {
            let held = attribute(node, "value").and_then(|value| value.t.as_deref());
            for (i, output) in node.output.iter().enumerate() {
                match held.filter(|_| node.op_type() == "Constant") {
                    Some(tensor) => {
                        tensors.insert(output, tensor);
                    }
                    None => {
                        producers.insert(output.as_str(), (node, i));
                    }
                }
            }
        }
        Self {
            tensors,
            producers,
            file,
            known: RefCell::default(),
            constants_left: Cell::new(MAX_CONSTANTS),
            values_left: Cell::new(MAX_VALUES),
        }
    }

    /// A constant, with its shape. `None` for anything else, and for what is too large to be read.
    pub(super) fn tensor(&self, name: &str) -> Option<Rc<Tensor>> {
        self.at_depth(name, 0)
    }

    /// The values of a constant.
    pub(super) fn values(&self, name: &str) -> Option<Vec<f64>> {
        self.tensor(name).map(|tensor| tensor.values.clone())
    }

    /// The only value of a constant.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.tensor(name)?.values.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The values of a constant of whole numbers.
    pub(super) fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.tensor(name)?.ints()
    }

    /// The shape of a constant that the file has with that shape, whatever its size: perhaps in another type.
    pub(super) fn dims(&self, name: &str) -> Option<&'a [i64]> {
        let mut name = name;
        for _ in 0..MAX_DEPTH {
            if let Some(tensor) = self.tensors.get(name) {
                return Some(&tensor.dims);
            }
            name = match self.producers.get(name)? {
                (node, 0)
                    if [
                        "Cast",
                        "CastLike",
                        "Identity",
                        "QuantizeLinear",
                        "DequantizeLinear",
                    ]
                    .contains(&node.op_type()) =>
                {
                    node.input.first()?
                }
                _ => return None,
            };
        }
        None
    }

    /// The type in which the file holds a constant.
    pub(super) fn data_type(&self, name: &str) -> Option<DataType> {
        self.tensors.get(name).map(|tensor| tensor.data_type())
    }

    /// Whether a value is made of constants alone, also of those that cannot be read. `false` where that is not known.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        let mut pending = vec![name];
        for _ in 0..MAX_NODES {
            let Some(name) = pending.pop() else {
                return true;
            };
            if name.is_empty() || self.tensors.contains_key(name) {
                continue;
            }
            match self.producers.get(name) {
                Some((node, _)) if node.op_type() == "Constant" => {}
                Some((node, _)) if !node.input.is_empty() => {
                    pending.extend(node.input.iter().map(String::as_str));
                }
                _ => return false,
            }
        }
        false
    }

    fn at_depth(&self, name: &str, depth: usize) -> Option<Rc<Tensor>> {
        if let Some(known) = self.known.borrow().get(name) {
            return known.clone();
        }
        let (tensor, producer) = (self.tensors.get(name), self.producers.get(name));
        if tensor.is_none() && producer.is_none() {
            return None;
        }
        let left = self.constants_left.get().checked_sub(1)?;
        self.constants_left.set(left);
        let found = match (tensor, producer) {
            (Some(tensor), _) => self.read(tensor),
            (None, Some((node, index))) if depth < MAX_DEPTH => self.compute(node, *index, depth + 1),
            (None, _) => None,
        };
        let found = found.map(Rc::new);
        self.known.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    /// Whether so many values more can be held.
    fn affords(&self, values: usize) -> Option<()> {
        let left = self.values_left.get().checked_sub(values)?;
        self.values_left.set(left);
        Some(())
    }
}

#[cfg(test)]
mod tests;
