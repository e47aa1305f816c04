//! The families of weight files that can be read. Each has a file with its table of names, and an entry in the list.

pub mod keras;
mod pytorch;

use mbn_spec::Metadata;
use safetensors::tensor::SafeTensors;

use crate::family::Family;
use crate::{Weights, WeightsErrorKind};

/// Every family, in the order in which they are tried.
static FAMILIES: [&Family; 2] = [&keras::FAMILY, &pytorch::FAMILY];

/// Reads the state dict from a file of any family.
pub(crate) fn read(tensors: &SafeTensors, metadata: Metadata) -> Result<Weights, WeightsErrorKind> {
    let names = tensors.names();
    match FAMILIES.iter().find(|family| (family.recognises)(&names)) {
        Some(family) => family.read(tensors, metadata),
        None => Err(pytorch::no_known_name(&names).into()),
    }
}
