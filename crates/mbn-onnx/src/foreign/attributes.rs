//! The parameters of nodes, as numbers.

use crate::proto::{AttributeProto, NodeProto};

/// A parameter of a node.
pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name() == name)
}

/// A parameter that is a whole number.
pub(super) fn int(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(AttributeProto::i)
}

/// A parameter that is a number.
pub(super) fn float(node: &NodeProto, name: &str) -> Option<f64> {
    attribute(node, name).map(|attribute| f64::from(attribute.f()))
}

/// A parameter of whole numbers.
pub(super) fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|attribute| attribute.ints.as_slice())
}
