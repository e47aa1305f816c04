//! The tensors of a file, before they are recognised.

use std::collections::BTreeMap;

use safetensors::tensor::TensorView;

/// Tensors by name.
pub(crate) type Views<'a> = BTreeMap<String, TensorView<'a>>;
