//! The families of weight files that can be read, each with its table of names in a file of its own.

pub mod keras;
mod pytorch;

use mbn_spec::Metadata;
use safetensors::tensor::SafeTensors;

use crate::family::Family;
use crate::{Weights, WeightsErrorKind};

/// Every family, in the order in which a file is tried.
static FAMILIES: [&Family; 2] = [&keras::FAMILY, &pytorch::FAMILY];

/// The state dict that a file of any family holds.
pub(crate) fn read(tensors: &SafeTensors, metadata: Metadata) -> Result<Weights, WeightsErrorKind> {
    let names = tensors.names();
    match FAMILIES.iter().find(|family| (family.recognises)(&names)) {
        Some(family) => family.read(tensors, metadata),
        None => Err(pytorch::no_known_name(&names).into()),
    }
}
