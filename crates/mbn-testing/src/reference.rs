//! The reference data in `tests/reference/`.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

/// The pixel that stands for 0 in the reference's pictures, and the distance that stands for 1.
const MIDDLE: f32 = 128.0;
const SCALE: f32 = 32.0;

/// A file or folder of the reference data. The environment variable `MBN_REFERENCE` names another folder to take it
/// from, for tests that run without the repository.
pub fn reference_path(name: &str) -> PathBuf {
    let repository = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
    let folder = std::env::var_os("MBN_REFERENCE").map_or_else(repository, PathBuf::from);
    folder.join(name)
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
    /// If it cannot be read.
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
        let (shape, bytes) = self.of_type(name, Dtype::F32);
        let values = bytes.as_chunks().0;
        (
            shape,
            values.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect(),
        )
    }

    /// Values of a float64 tensor.
    ///
    /// # Panics
    /// If the file has no such tensor.
    pub fn doubles(&self, name: &str) -> Vec<f64> {
        let (_, bytes) = self.of_type(name, Dtype::F64);
        let values = bytes.as_chunks().0;
        values.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect()
    }

    /// The [`projections`](crate::projections()) that stand for a large tensor, if the file has them in its place.
    ///
    /// # Panics
    /// If the file is not safetensors.
    pub fn projections(&self, name: &str) -> Option<Vec<f64>> {
        let name = format!("{name}.projections");
        self.names().contains(&name).then(|| self.doubles(&name))
    }

    /// Values of an int64 tensor.
    ///
    /// # Panics
    /// If the file has no such tensor.
    pub fn integers(&self, name: &str) -> Vec<i64> {
        let (_, bytes) = self.of_type(name, Dtype::I64);
        let values = bytes.as_chunks().0;
        values.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect()
    }

    /// Shape and bytes of a uint8 tensor.
    ///
    /// # Panics
    /// If the file has no such tensor.
    pub fn bytes(&self, name: &str) -> (Vec<usize>, &[u8]) {
        self.of_type(name, Dtype::U8)
    }

    /// Shape `[n, 3, height, width]` and values of the pictures in the tensor `pixels`, as PyTorch was given them.
    ///
    /// # Panics
    /// If the file has no such tensor.
    pub fn images(&self) -> (Vec<usize>, Vec<f32>) {
        let (shape, pixels) = self.bytes("pixels");
        let value = |pixel: &u8| (f32::from(*pixel) - MIDDLE) / SCALE;
        (shape, pixels.iter().map(value).collect())
    }

    fn of_type(&self, name: &str, expected: Dtype) -> (Vec<usize>, &[u8]) {
        let (shape, dtype, bytes) = self.raw(name);
        assert_eq!(dtype, expected, "{}: {name}", self.path.display());
        (shape, bytes)
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
