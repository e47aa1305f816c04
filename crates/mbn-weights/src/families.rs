//! The families of weight files that can be read. Each has a file with its table of names, and an entry in the list.

mod amc;
mod bubbliiiing;
pub mod keras;
pub(crate) mod pytorch;
mod pytorchcv;
mod slim;
mod stages;
mod tensorflow;
mod timm;
mod transformers;

use mbn_spec::{Alpha, IMAGENET_MEAN, IMAGENET_STD, Metadata, Preprocess, Resize};

use crate::contents::WeightFile;
use crate::family::{Context, Family, Found};
use crate::located::{Located, locate};
use crate::views::Views;
use crate::{Adaptation, WeightsErrorKind, lookalikes};

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

/// The centre of 224 x 224, the shorter side being 256, with channels in `[-1, 1]`, at every width.
fn half_and_cropped(_: Alpha) -> Preprocess {
    cropped(224, 256, HALF)
}

/// The centre of 224 x 224, the shorter side being 256, with ImageNet's mean and standard deviation, at every width.
fn imagenet_and_cropped(_: Alpha) -> Preprocess {
    cropped(224, 256, IMAGENET)
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
    let located = match locate(tensors, &FAMILIES) {
        Ok(located) if located.problems.is_empty() => located,
        other => match unwrapped(tensors) {
            Some(located) => located,
            None => other?,
        },
    };
    let Located {
        family,
        views,
        adaptations,
        problems,
        strays,
    } = located;
    let found = Found {
        views,
        adaptations,
        foreign: problems,
        strays,
    };
    family.read(found, metadata, context)
}

/// The network whose layers are wrapped one by one, so that their wrappers stand within the names.
fn unwrapped<'a>(tensors: &Views<'a>) -> Option<Located<'a>> {
    const WRAPPERS: [&str; 3] = [
        "_orig_mod.",
        "_fsdp_wrapped_module.",
        "_checkpoint_wrapped_module.",
    ];
    let is_in = |wrapper: &&str| tensors.keys().any(|name| name.contains(*wrapper));
    let wrappers: Vec<_> = WRAPPERS.into_iter().filter(|wrapper| is_in(wrapper)).collect();
    let plain = |name: &String| {
        wrappers
            .iter()
            .fold(name.clone(), |name, wrapper| name.replace(wrapper, ""))
    };
    let renamed: Views<'a> = tensors
        .iter()
        .map(|(name, view)| (plain(name), view.clone()))
        .collect();
    // Names that become the same are of several networks.
    if wrappers.is_empty() || renamed.len() < tensors.len() {
        return None;
    }
    let mut located = locate(&renamed, &FAMILIES).ok()?;
    located.adaptations.push(Adaptation::Unwrapped(wrappers));
    Some(located)
}

#[cfg(test)]
pub(crate) mod tests;
