//! The families of weight files that can be read. Each has a file with its table of names, and an entry in the list.

mod amc;
mod bubbliiiing;
pub mod keras;
mod pytorch;
mod pytorchcv;
mod slim;
mod stages;
mod timm;
mod transformers;

use mbn_spec::{IMAGENET_MEAN, IMAGENET_STD, Metadata, Preprocess, Resize};

use crate::contents::WeightFile;
use crate::family::{Context, Family};
use crate::located::{Located, locate};
use crate::views::Views;
use crate::{WeightsErrorKind, lookalikes};

/// Every family. The first is named where a file is of none.
static FAMILIES: [&Family; 9] = [
    &pytorch::FAMILY,
    &keras::FAMILY,
    &timm::FAMILY,
    &transformers::FAMILY,
    &transformers::BACKBONE,
    &pytorchcv::FAMILY,
    &slim::FAMILY,
    &amc::FAMILY,
    &bubbliiiing::FAMILY,
];

/// Mean and standard deviation that bring channels to `[-1, 1]`.
const HALF: [[f32; 3]; 2] = [[0.5; 3]; 2];
/// ImageNet's mean and standard deviation.
const IMAGENET: [[f32; 3]; 2] = [IMAGENET_MEAN, IMAGENET_STD];

/// The centre of `size` x `size`, the shorter side being `shorter`.
fn cropped(size: usize, shorter: usize, [mean, std]: [[f32; 3]; 2]) -> Preprocess {
    let crop = Preprocess {
        resize: Resize::Crop,
        mean,
        std,
        ..Preprocess::default()
    };
    crop.with_size(size).with_shorter(shorter)
}

/// Reads the state dict from the tensors of a file of any family.
pub(crate) fn read(
    tensors: &Views,
    metadata: Metadata,
    context: &Context,
) -> Result<WeightFile, WeightsErrorKind> {
    if let Some(other) = lookalikes::recognise(tensors) {
        return Err(other.into());
    }
    let Located {
        family,
        views,
        adaptations,
        problems,
    } = locate(tensors, &FAMILIES)?;
    family.read(views, adaptations, problems, metadata, context)
}

#[cfg(test)]
mod tests;
