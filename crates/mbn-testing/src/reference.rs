//! Reference data that lies in `shared/` beside the repository, where it is there.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

/// The folder with reference data, or `None`, having said on stderr that `test` is skipped and why.
pub fn shared_dir(test: &str) -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = repository.join("../shared");
    if shared.is_dir() {
        return Some(shared);
    }
    crate::skipped(
        test,
        "the reference data `../shared` is not beside the repository",
    );
    None
}

/// As [`shared_dir`], for a folder or file in `shared/reference`, in whose place the environment variable
/// `MBN_REFERENCE` may name another folder: where tests run without the repository.
pub fn reference_dir(test: &str, name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("MBN_REFERENCE") {
        Some(folder) => PathBuf::from(folder),
        None => shared_dir(test)?.join("reference"),
    };
    Some(folder.join(name))
}

/// The tensors of a safetensors file.
pub struct Tensors {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Tensors {
    /// Reads a file.
    ///
    /// # Panics
    /// If it cannot be read: the reference data is broken then.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            bytes,
            path: path.to_owned(),
        }
    }

    /// Shape and raw bytes of a tensor.
    ///
    /// # Panics
    /// If the file has no such tensor.
    pub fn raw(&self, name: &str) -> (Vec<usize>, Dtype, &[u8]) {
        let tensors = SafeTensors::deserialize(&self.bytes)
            .unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let view = tensors
            .tensor(name)
            .unwrap_or_else(|error| panic!("{}: {name}: {error}", self.path.display()));
        (view.shape().to_vec(), view.dtype(), view.data())
    }

    /// Shape and values of a float32 tensor.
    ///
    /// # Panics
    /// If the file has no such tensor.
    pub fn floats(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let (shape, dtype, bytes) = self.raw(name);
        assert_eq!(dtype, Dtype::F32, "{}: {name}", self.path.display());
        (
            shape,
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|chunk| f32::from_le_bytes(*chunk))
                .collect(),
        )
    }

    /// Values of an int64 tensor.
    ///
    /// # Panics
    /// If the file has no such tensor.
    pub fn integers(&self, name: &str) -> Vec<i64> {
        let (_, dtype, bytes) = self.raw(name);
        assert_eq!(dtype, Dtype::I64, "{}: {name}", self.path.display());
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|chunk| i64::from_le_bytes(*chunk))
            .collect()
    }

    /// Names of all tensors, sorted.
    ///
    /// # Panics
    /// If the file is not safetensors.
    pub fn names(&self) -> Vec<String> {
        let tensors = SafeTensors::deserialize(&self.bytes)
            .unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let mut names: Vec<String> = tensors.names().iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    }
}
