//! Reading weight files, safetensors and PyTorch's checkpoints, and writing safetensors with metadata in a fixed order.

use std::collections::BTreeMap;
use std::path::Path;

use mbn_files::{FileKind, atomic, whole_file};
use safetensors::SafeTensorError;
use safetensors::tensor::{SafeTensors, TensorView};

use crate::contents::{Head, WeightFile};
use crate::family::Context;
use crate::opened::{MAX_FILE_BYTES, Opened};
use crate::{Weights, WeightsError, WeightsErrorKind, checkpoint, pickle, shards};

impl WeightFile {
    /// Reads a weight file of any family in [`families`](crate::families), in safetensors or as a PyTorch checkpoint, which its first bytes
    /// tell. Without metadata, alpha and the number of classes follow from the shapes. Names may have a prefix, floats may be
    /// F16, BF16 or F64, and batch norm's counters may be missing. What the tensors do not show comes from the files that the
    /// family's library writes beside them, else from what it publishes.
    ///
    /// # Errors
    /// [`WeightsError`] for anything other than a whole state dict of a MobileNetV1.
    pub fn load(path: &Path) -> Result<Self, WeightsError> {
        Self::load_with(path, Head::Required)
    }

    /// As [`WeightFile::load`]; `head` says whether the file may lack the classifier.
    ///
    /// Of weights in shards, `path` is one of these or their index, `model.safetensors.index.json`; all that the index names are read.
    ///
    /// # Errors
    /// As [`WeightFile::load`].
    pub fn load_with(path: &Path, head: Head) -> Result<Self, WeightsError> {
        let limit = MAX_FILE_BYTES;
        let too_large = |found| WeightsErrorKind::TooLarge { found, limit };
        let context = Context {
            folder: path.parent(),
            head,
            ..Context::default()
        };
        if let Some(whole) = shards::load(path, &context)? {
            return Ok(whole);
        }
        let read = || Self::read(&whole_file::read(path, limit, too_large)?, &context);
        read().map_err(|kind| WeightsError {
            path: path.to_owned(),
            kind: shards::alone(kind, path),
        })
    }

    /// Reads a weight file's content.
    ///
    /// # Errors
    /// As [`WeightFile::load`], without the path.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsErrorKind> {
        Self::read(bytes, &Context::default())
    }

    fn read(bytes: &[u8], context: &Context) -> Result<Self, WeightsErrorKind> {
        match FileKind::recognise(bytes) {
            Some(FileKind::Empty) => Err(WeightsErrorKind::Empty),
            Some(kind) if pickle::is_readable(kind) => checkpoint::read(bytes, kind, context),
            _ => Opened::new(bytes)?.read(context),
        }
    }
}

impl Weights {
    /// The weights that [`WeightFile::load`] reads.
    ///
    /// # Errors
    /// As [`WeightFile::load`].
    pub fn load(path: &Path) -> Result<Self, WeightsError> {
        WeightFile::load(path).map(|file| file.weights)
    }

    /// The weights that [`WeightFile::from_bytes`] reads.
    ///
    /// # Errors
    /// As [`WeightFile::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsErrorKind> {
        WeightFile::from_bytes(bytes).map(|file| file.weights)
    }

    /// The file's content. The same weights and metadata give the same bytes.
    ///
    /// # Errors
    /// [`SafeTensorError`] if the format cannot hold the tensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SafeTensorError> {
        let content = self.tensor_bytes();
        let views = content
            .iter()
            .map(|(name, (dtype, shape, bytes))| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, SafeTensorError>>()?;
        insert_metadata(&safetensors::serialize(views, None)?, &self.metadata().to_pairs())
    }

    /// Writes the file, replacing an older one atomically.
    ///
    /// # Errors
    /// [`WeightsError`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), WeightsError> {
        let write = || atomic::write(path, &self.to_bytes()?).map_err(WeightsErrorKind::Write);
        write().map_err(|kind| WeightsError {
            path: path.to_owned(),
            kind,
        })
    }
}

/// Puts the metadata, in order, at the front of a header written without it. The safetensors crate would keep it in a
/// hash map, whose order changes from run to run.
fn insert_metadata(file: &[u8], pairs: &BTreeMap<String, String>) -> Result<Vec<u8>, SafeTensorError> {
    let (header_len, _) = SafeTensors::read_metadata(file)?;
    let (header, data) = file[8..].split_at(header_len);
    let pairs = serde_json::to_string(pairs)?;
    let mut merged = format!("{{\"__metadata__\":{pairs},").into_bytes();
    merged.extend(header.trim_ascii_end().strip_prefix(b"{").unwrap_or_default());
    merged.resize(merged.len().next_multiple_of(8), b' ');
    Ok([&(merged.len() as u64).to_le_bytes()[..], &merged, data].concat())
}

#[cfg(test)]
mod tests;
