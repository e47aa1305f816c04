//! Refuses models of which a picture gets other classes by chance, or beside other pictures.

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_engine::images::PixelType;
use mbn_onnx::foreign::{TrainingMode, node_over_batch};
use mbn_spec::Preprocess;

use super::loaded::Loaded;
use super::probe;
use crate::model::{Content, Model};

/// How far apart a picture's values may be alone and beside another one, as a fraction of their spread. Rounding is far below, and
/// so are scales of 8 bits that are measured over a batch.
const APART: f32 = 0.1;
/// The same as a fraction of the largest value: values that are all alike may be told apart by rounding alone.
const ROUNDING: f32 = 1e-3;

/// Refuses a model that computes as in training, or in which pictures of a batch change each other's values.
///
/// # Errors
/// It is such a model.
pub(super) fn require(model: &Model, loaded: &mut Loaded, preprocess: &Preprocess) -> Result<()> {
    let Content::Onnx(_, onnx) = model.content() else {
        return Ok(());
    };
    let cannot_use = || format!("{} cannot be used", model.name());
    if let Some(training) = TrainingMode::of(onnx, Some(&loaded.output)) {
        let advice = training.advice();
        return Err(training).with_context(cannot_use).hint(|| advice.to_owned());
    }
    // A batch that is fixed may be of one picture; this project's graphs are known, and whole pictures may have any size.
    let is_open = model.foreign().is_some() && model.fixed_batch().is_none() && loaded.batch > 1;
    if !is_open || loaded.lanes.pixel_type() == PixelType::Pictures {
        return Ok(());
    }
    // Most models have no such node, and need no run.
    let Some(node) = node_over_batch(onnx, &loaded.output) else {
        return Ok(());
    };
    let lanes = &mut loaded.lanes;
    // Where a batch fails, the run over the pictures says why.
    let (Ok(alone), Ok(beside)) = (
        probe::outputs_of(1, lanes, preprocess, 1),
        probe::outputs_of(2, lanes, preprocess, 2),
    ) else {
        return Ok(());
    };
    let Some(difference) = apart(&alone, &beside) else {
        return Ok(());
    };
    let error = anyhow!(
        "a test picture gets other values in `{}` alone than beside another picture: they differ by up to {difference:.1e}. \
         Node {node} may be what takes the pictures of a batch together",
        loaded.output
    );
    Err(error.context(cannot_use())).hint(|| {
        "a classifier is to compute each picture by itself: in PyTorch, export it after `model.eval()`, and reduce no values over \
         axis 0; `--batch-size 1` runs the model with one picture at a time"
            .to_owned()
    })
}

/// The largest difference of the values of one picture, alone and first of several, if it is far beyond rounding.
fn apart(alone: &[f32], beside: &[f32]) -> Option<f32> {
    let pairs = || alone.iter().zip(beside);
    let values = || {
        pairs()
            .flat_map(|(a, b)| [*a, *b])
            .filter(|value| value.is_finite())
    };
    let (least, most) = values().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    let largest = values().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let difference = pairs().fold(0.0, |difference: f32, (a, b)| {
        match (a.is_finite(), b.is_finite()) {
            (true, true) => difference.max((a - b).abs()),
            (false, false) => difference,
            _ => f32::INFINITY,
        }
    });
    let allowed = (APART * (most - least)).max(ROUNDING * largest);
    (difference > allowed).then_some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_far_beyond_rounding_is_apart() {
        for (alone, beside, expected) in [
            (&[0.0, 0.0][..], &[1.0, -1.0, 9.0, 9.0][..], Some(1.0)),
            (&[1.0, 3.0], &[1.1, 3.0], None),
            (&[1.0, 3.0], &[1.5, 3.0], Some(0.5)),
            (&[1000.0, 1000.1], &[1000.1, 1000.0], None),
            (&[f32::NAN, 1.0], &[f32::NAN, 1.0], None),
            (&[f32::NAN, 1.0], &[0.0, 1.0], Some(f32::INFINITY)),
            (&[], &[], None),
        ] {
            assert_eq!(apart(alone, beside), expected, "{alone:?} {beside:?}");
        }
    }
}
