//! The constants of a model that the exporter wrote.

use std::collections::BTreeMap;

use half::f16;
use mbn_spec::MetadataError;

use crate::checker::CheckError;
use crate::proto::{DataType, GraphProto, TensorProto};

/// A model whose weights cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum FoldedError {
    /// The model is broken.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Its metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The weights are not float32.
    #[error("its weights are not float32")]
    Precision,
    /// Another program wrote it, or it has been changed.
    #[error("its graph is not one that `mbn-export` writes: {0}")]
    Foreign(String),
}

/// The model's constants by name; their lengths have been checked.
pub(crate) struct Tensors<'a>(BTreeMap<&'a str, &'a TensorProto>);

impl<'a> Tensors<'a> {
    pub fn new(graph: &'a GraphProto) -> Self {
        let tensors = graph.initializer.iter();
        Self(tensors.map(|tensor| (tensor.name(), tensor)).collect())
    }

    pub fn find(&self, name: &str) -> Result<&'a TensorProto, FoldedError> {
        let tensor = self.0.get(name).copied();
        tensor.ok_or_else(|| foreign(format!("it has no constant `{name}`")))
    }

    /// A constant of this shape.
    pub fn shaped(&self, name: &str, dims: &[usize]) -> Result<&'a TensorProto, FoldedError> {
        let tensor = self.find(name)?;
        if !tensor.dims.iter().copied().eq(dims.iter().map(|&dim| dim as i64)) {
            let found = &tensor.dims;
            return Err(foreign(format!(
                "`{name}` has the shape {found:?}, expected {dims:?}"
            )));
        }
        Ok(tensor)
    }

    /// A constant of this shape and type.
    fn data(&self, name: &str, dims: &[usize], ty: DataType) -> Result<&'a [u8], FoldedError> {
        let tensor = self.shaped(name, dims)?;
        match tensor.data_type() {
            found if found == ty => Ok(tensor.raw_data()),
            other => Err(foreign(format!("`{name}` is of {}", other.name()))),
        }
    }

    pub fn signed_bytes(&self, name: &str, dims: &[usize]) -> Result<Vec<i8>, FoldedError> {
        let data = self.data(name, dims, DataType::Int8)?;
        Ok(data.iter().map(|byte| byte.cast_signed()).collect())
    }

    pub fn steps(&self, name: &str, dims: &[usize]) -> Result<Vec<i32>, FoldedError> {
        let chunks = self.data(name, dims, DataType::Int32)?.as_chunks().0;
        Ok(chunks.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    }

    pub fn byte(&self, name: &str) -> Result<u8, FoldedError> {
        let data = self.data(name, &[], DataType::Uint8)?;
        data.first()
            .copied()
            .ok_or_else(|| foreign(format!("`{name}` is empty")))
    }

    pub fn values(&self, name: &str, dims: &[usize]) -> Result<Vec<f32>, FoldedError> {
        let tensor = self.shaped(name, dims)?;
        let data = tensor.raw_data();
        match tensor.data_type() {
            DataType::Float => Ok(data
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect()),
            DataType::Float16 => {
                let halves = data.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes));
                Ok(halves.map(f16::to_f32).collect())
            }
            other => Err(foreign(format!("`{name}` is of {}", other.name()))),
        }
    }
}

pub(crate) fn foreign(reason: String) -> FoldedError {
    FoldedError::Foreign(reason)
}
