//! Typed access to a node's attributes.

use std::collections::BTreeSet;

use super::NodeError;
use crate::proto::{AttributeProto, AttributeType, NodeProto};

pub(super) struct Attributes<'a>(&'a [AttributeProto]);

impl<'a> Attributes<'a> {
    /// The node's attributes. Each must be one of `known`, and appear only once.
    pub fn new(node: &'a NodeProto, known: &[&str]) -> Result<Self, NodeError> {
        let mut seen = BTreeSet::new();
        for attribute in &node.attribute {
            let name = attribute.name();
            if !known.contains(&name) {
                return Err(error(name, "is not supported"));
            }
            if !seen.insert(name) {
                return Err(error(name, "appears more than once"));
            }
        }
        Ok(Self(&node.attribute))
    }

    /// An integer; `None` if it is missing.
    pub fn int(&self, name: &str) -> Result<Option<i64>, NodeError> {
        let attribute = self.find(name, AttributeType::Int, "is not an integer")?;
        Ok(attribute.map(AttributeProto::i))
    }

    /// Checks that an attribute is a finite float, if it is present.
    pub fn check_float(&self, name: &str) -> Result<(), NodeError> {
        match self.find(name, AttributeType::Float, "is not a float")? {
            Some(attribute) if !attribute.f().is_finite() => Err(error(name, "is not finite")),
            _ => Ok(()),
        }
    }

    /// `N` non-negative integers; `None` if they are missing.
    pub fn sizes<const N: usize>(&self, name: &str) -> Result<Option<[usize; N]>, NodeError> {
        let reason = "is not a list of non-negative integers of the right length";
        let Some(attribute) = self.find(name, AttributeType::Ints, reason)? else {
            return Ok(None);
        };
        let sizes: Result<Vec<usize>, _> = attribute.ints.iter().map(|&i| usize::try_from(i)).collect();
        let sizes = sizes.ok().and_then(|sizes| sizes.try_into().ok());
        sizes.map(Some).ok_or_else(|| error(name, reason))
    }

    /// Integers; `None` if they are missing.
    pub fn list(&self, name: &str) -> Result<Option<&'a [i64]>, NodeError> {
        let attribute = self.find(name, AttributeType::Ints, "is not a list of integers")?;
        Ok(attribute.map(|attribute| attribute.ints.as_slice()))
    }

    /// A string; `None` if it is missing.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, NodeError> {
        let reason = "is not a string in UTF-8";
        let Some(attribute) = self.find(name, AttributeType::String, reason)? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(attribute.s()).map_err(|_| error(name, reason))?;
        Ok(Some(text))
    }

    /// An integer that must be 0 or 1; 0 if it is missing.
    pub fn flag(&self, name: &str) -> Result<bool, NodeError> {
        match self.int(name)? {
            None | Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(_) => Err(error(name, "is neither 0 nor 1")),
        }
    }

    /// Index of a dimension, counted from the end if negative; at most `limit`.
    pub fn axis(&self, default: i64, rank: usize, limit: usize) -> Result<usize, NodeError> {
        let axis = self.int("axis")?.unwrap_or(default);
        let axis = if axis < 0 {
            axis.checked_add(rank as i64)
        } else {
            Some(axis)
        };
        let axis = axis.and_then(|axis| usize::try_from(axis).ok());
        axis.filter(|&axis| axis <= limit)
            .ok_or_else(|| error("axis", "is out of range"))
    }

    fn find(
        &self,
        name: &str,
        ty: AttributeType,
        reason: &'static str,
    ) -> Result<Option<&'a AttributeProto>, NodeError> {
        match self.0.iter().find(|attribute| attribute.name() == name) {
            Some(attribute) if attribute.r#type != Some(ty as i32) => Err(error(name, reason)),
            found => Ok(found),
        }
    }
}

pub(super) fn error(name: &str, reason: &'static str) -> NodeError {
    NodeError::Attribute {
        name: name.to_owned(),
        reason,
    }
}
