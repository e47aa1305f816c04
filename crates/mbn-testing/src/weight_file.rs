//! The tensors of a safetensors file, to be changed and written again.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// Type, shape and bytes of each tensor, by name.
pub type StoredTensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Reads the content of a file.
///
/// # Panics
/// If it is not one.
pub fn stored_tensors(bytes: &[u8]) -> StoredTensors {
    let views = SafeTensors::deserialize(bytes).expect("a safetensors file");
    let views = views.iter();
    views
        .map(|(name, view)| {
            (
                name.to_owned(),
                (view.dtype(), view.shape().to_vec(), view.data().to_vec()),
            )
        })
        .collect()
}

/// Writes a file without metadata.
///
/// # Panics
/// If a tensor's bytes do not fit its shape, or the file cannot be written.
pub fn save_tensors(path: &Path, tensors: &StoredTensors) {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).expect("bytes of the shape");
        (name, view)
    });
    let bytes = safetensors::serialize(views, None).expect("tensors that can be written");
    std::fs::write(path, bytes).expect("a file that can be written");
}
