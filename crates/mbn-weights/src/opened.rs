//! The tensors and the metadata of safetensors, before the network is found among them.

use std::collections::BTreeMap;

use mbn_files::FileKind;
use mbn_spec::{ARCHITECTURE, Metadata, MetadataError};
use safetensors::tensor::SafeTensors;

use crate::contents::WeightFile;
use crate::family::Context;
use crate::pickle::{MAX_NAME_BYTES, MAX_TENSORS};
use crate::shown::escaped;
use crate::views::Views;
use crate::{Adaptation, WeightsErrorKind, families};

/// The largest weight or model file that is read: far above any MobileNetV1, far below what exhausts memory.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// What a saved training run's state keeps beside weights, whatever their names.
const STATE_METADATA: &str = "progress";

/// The tensors and the metadata of a safetensors file.
#[derive(Debug, Default)]
pub(crate) struct Opened<'a> {
    pub views: Views<'a>,
    pub pairs: BTreeMap<String, String>,
}

impl<'a> Opened<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, WeightsErrorKind> {
        let kind = FileKind::recognise(bytes);
        let other_kind = |error| match kind {
            None | Some(FileKind::Safetensors) => WeightsErrorKind::from(error),
            Some(kind) => WeightsErrorKind::OtherKind(kind),
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(other_kind)?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let pairs = header.metadata().as_ref();
        if pairs.is_some_and(|pairs| pairs.contains_key(STATE_METADATA)) {
            return Err(WeightsErrorKind::RunState);
        }
        require_usual_size(header.tensors().keys().map(String::len))?;
        let views = tensors
            .iter()
            .map(|(name, view)| (name.to_owned(), view))
            .collect();
        let pairs = pairs.into_iter().flatten();
        Ok(Self {
            views,
            pairs: pairs.map(|(key, value)| (key.clone(), value.clone())).collect(),
        })
    }

    /// Finds the network among the tensors.
    pub fn read(&self, context: &Context) -> Result<WeightFile, WeightsErrorKind> {
        let pairs = self.pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let (metadata, foreign, metadata_is_ours) = read_metadata(pairs.collect())?;
        let context = Context {
            metadata_is_ours,
            ..*context
        };
        let mut read = families::read(&self.views, metadata, &context)?;
        if !foreign.is_empty() {
            read.adaptations.push(Adaptation::ForeignMetadata(foreign));
        }
        Ok(read)
    }
}

/// Refuses more tensors, or longer names, than a checkpoint may have: finding the network among them would take long.
pub(crate) fn require_usual_size(
    lengths: impl ExactSizeIterator<Item = usize>,
) -> Result<(), WeightsErrorKind> {
    let (found, limit) = (lengths.len(), MAX_TENSORS);
    if found > limit {
        return Err(WeightsErrorKind::TooManyTensors { found, limit });
    }
    let (found, limit) = (lengths.max().unwrap_or(0), MAX_NAME_BYTES);
    match found > limit {
        true => Err(WeightsErrorKind::LongName { found, limit }),
        false => Ok(()),
    }
}

/// The metadata of a file that any program may have written. What says that it is this project's must be readable; of other files
/// the entries that are not of its form are another program's, with the names of ours, and come back as messages. The third is
/// whether it says that it is this project's.
fn read_metadata(mut pairs: Vec<(&str, &str)>) -> Result<(Metadata, Vec<String>, bool), MetadataError> {
    let mut foreign = Vec::new();
    let is_ours = pairs.contains(&("architecture", ARCHITECTURE));
    if !is_ours {
        pairs.sort_unstable();
        pairs.retain(|pair| match Metadata::from_pairs([*pair]) {
            Ok(_) => true,
            Err(error) => {
                foreign.push(escaped(&error.to_string()));
                false
            }
        });
    }
    Ok((Metadata::from_pairs(pairs)?, foreign, is_ours))
}
