//! A hash over the weights alone: other metadata or another way to write the file does not change it.

use sha2::{Digest, Sha256};

use crate::Weights;

impl Weights {
    /// SHA-256 in hexadecimal over the tensors in order of name. For each: the name, a zero byte, the dtype
    /// as safetensors writes it, a zero byte, the shape as JSON, a zero byte, the bytes in little endian.
    ///
    /// The tensors are those of the state dict: PyTorch's names without a prefix, floats as float32, counters that a file
    /// lacks as 0. So the hash does not depend on how a file was written, and whoever reads it again finds it again.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for (name, (dtype, shape, bytes)) in self.tensor_bytes() {
            hash.update(format!("{name}\0{dtype}\0{shape:?}\0").replace(", ", ","));
            hash.update(bytes);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
