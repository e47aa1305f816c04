//! The families of weight files that can be read. Each has a file with its table of names, and an entry in the list.

pub mod keras;
mod pytorch;

use mbn_spec::Metadata;
use safetensors::tensor::SafeTensors;

use crate::family::Family;
use crate::located::{Located, locate};
use crate::{WeightFile, WeightsErrorKind};

/// Every family. The first is named where a file is of none.
static FAMILIES: [&Family; 2] = [&pytorch::FAMILY, &keras::FAMILY];

/// Reads the state dict from a file of any family.
pub(crate) fn read(tensors: &SafeTensors, metadata: Metadata) -> Result<WeightFile, WeightsErrorKind> {
    let Located {
        family,
        views,
        adaptations,
        problems,
    } = locate(tensors, &FAMILIES)?;
    family.read(views, adaptations, problems, metadata)
}
