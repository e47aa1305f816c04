//! Refuses models of which a picture gets other classes by chance, or beside other pictures.

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_engine::images::PixelType;
use mbn_onnx::foreign::{TrainingMode, is_scaled_by_batch, node_over_batch};
use mbn_spec::Preprocess;

use super::loaded::Loaded;
use super::probe;
use crate::model::{Content, Model};
use crate::options::Options;

/// How far apart a picture's values may be alone and beside others, as a fraction of the spread of all values. Rounding is far below.
const APART: f32 = 0.1;
/// The same for integers whose scale is measured over the batch. Trained networks, quantised so by ONNX Runtime's tools, were at 0.02,
/// and at 0.17 for two of their classes alone.
const APART_IF_SCALED: f32 = 0.5;
/// The same as a fraction of the largest value: values that are all alike may be told apart by rounding alone.
const ROUNDING: f32 = 1e-3;

/// The test picture that is looked at.
const ALONE: usize = 0;
/// It beside others. In the second of four places it is neither the first nor the last, and changes its place if their order is turned
/// around.
const BESIDE: [usize; 4] = [1, ALONE, 2, 3];
const PLACE: usize = 1;
/// The same for fewer pictures at once.
const BESIDE_ONE: [usize; 2] = [1, ALONE];

/// One picture at once for a model that measures the scale of its integers over a batch, unless the user says how many: else a
/// picture's classes would depend on those beside it. Says so.
pub(super) fn batch(model: &Model, options: &Options) -> Option<usize> {
    let Content::Onnx(_, onnx) = model.content() else {
        return None;
    };
    if model.fixed_batch().is_some() || !is_scaled_by_batch(onnx, options.output_name.as_deref()) {
        return None;
    }
    let name = model.name();
    match options.batch_size {
        None => {
            log::info!(
                "{name} measures the scale of its integers over all pictures that it takes at once, so it takes one: then a picture's \
                 classes do not depend on others; `--batch-size N` has it take N"
            );
            Some(1)
        }
        Some(given) => {
            if given > 1 {
                log::warn!(
                    "{name} measures the scale of its integers over the {given} pictures that it takes at once: a picture's classes depend \
                     on those beside it\nhint: `--batch-size 1` has them depend on nothing else"
                );
            }
            None
        }
    }
}

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
    let beside = match loaded.batch >= BESIDE.len() {
        true => &BESIDE[..],
        false => &BESIDE_ONE,
    };
    let values = loaded.lanes.classes();
    // Where a batch fails, the run over the pictures says why.
    let (Ok(alone), Ok(beside)) = (
        probe::outputs_of(&[ALONE], loaded, preprocess, 1),
        probe::outputs_of(beside, loaded, preprocess, beside.len()),
    ) else {
        return Ok(());
    };
    let allowed = match is_scaled_by_batch(onnx, Some(&loaded.output)) {
        true => APART_IF_SCALED,
        false => APART,
    };
    let Some(difference) = apart(&alone, &beside, values, allowed) else {
        return Ok(());
    };
    let suspect = match node_over_batch(onnx, &loaded.output) {
        Some(node) => format!(". Node {node} may be what takes the pictures of a batch together"),
        None => String::new(),
    };
    let error = anyhow!(
        "a test picture gets other values in `{}` alone than beside other pictures, expected the same: they differ by up to \
         {difference:.1e}{suspect}",
        loaded.output
    );
    Err(error.context(cannot_use())).hint(|| {
        "a classifier is to compute each picture by itself: export the model again, in PyTorch after `model.eval()`, without what \
         takes values along axis 0, that of the batch, together or in another order"
            .to_owned()
    })
}

/// The largest difference of the so many values of one picture, alone and in its [`PLACE`] beside others, if it is more than what is
/// `allowed` of the spread.
fn apart(alone: &[f32], beside: &[f32], values: usize, allowed: f32) -> Option<f32> {
    let all = || alone.iter().chain(beside).filter(|value| value.is_finite());
    let (least, most) = all().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), &value| {
        (least.min(value), most.max(value))
    });
    let largest = all().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let in_place = beside.iter().skip(PLACE * values);
    let difference = alone.iter().zip(in_place).fold(0.0, |difference: f32, (a, b)| {
        match (a.is_finite(), b.is_finite()) {
            (true, true) => difference.max((a - b).abs()),
            (false, false) => difference,
            _ => f32::INFINITY,
        }
    });
    let allowed = (allowed * (most - least)).max(ROUNDING * largest);
    (difference > allowed).then_some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_far_beyond_rounding_is_apart() {
        for (alone, beside, expected) in [
            (&[0.0, 0.0][..], &[4.0, 0.0, 1.0, -1.0][..], Some(1.0)),
            (&[1.0, 3.0], &[1.0, 3.0, 1.1, 3.0], None),
            (&[1.0, 3.0], &[1.0, 3.0, 1.5, 3.0], Some(0.5)),
            // Pictures differ by more than that among each other.
            (&[1.0, 3.0], &[-5.0, 9.0, 1.5, 3.0], None),
            (&[1000.0, 1000.1], &[1000.0, 1000.1, 1000.1, 1000.0], None),
            (&[f32::NAN, 1.0], &[0.0, 0.0, f32::NAN, 1.0], None),
            (&[f32::NAN, 1.0], &[0.0, 1.0, 0.0, 1.0], Some(f32::INFINITY)),
            (&[], &[], None),
        ] {
            assert_eq!(apart(alone, beside, 2, APART), expected, "{alone:?} {beside:?}");
        }
        let (alone, beside) = ([1.0, 3.0], [1.0, 3.0, 1.5, 3.0]);
        assert_eq!(apart(&alone, &beside, 2, APART_IF_SCALED), None);
    }
}
