//! Outputs of an engine beside a reference's, judged by a tolerance.

use mbn_spec::text::counted;

use super::differences::Differences;
use super::tolerance::Tolerance;
use crate::error::EngineError;
use crate::softmax::{centred_logarithms, softmax};

/// Outputs that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// The engines give outputs of different sizes.
    #[error("the model has {}, candle's weights {}", counted(found / images.max(&1), "class"), expected / images.max(&1))]
    Sizes {
        /// Number of values that the engine gave.
        found: usize,
        /// Number of values that the reference gave.
        expected: usize,
        /// Number of images.
        images: usize,
    },
    /// The reference fails.
    #[error(transparent)]
    Reference(#[from] EngineError),
}

/// What an engine and a reference gave, compared image by image.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    tolerance: Tolerance,
    /// The engine gives probabilities instead of logits.
    pub(super) probabilities: bool,
    differences: Differences,
}

impl Comparison {
    /// Nothing compared yet.
    pub fn new(tolerance: Tolerance, probabilities: bool) -> Self {
        Self {
            tolerance,
            probabilities,
            differences: Differences::default(),
        }
    }

    /// Adds the outputs of `images` images, row-major `[images, classes]`: `found` by the engine, `logits` from the
    /// reference.
    ///
    /// # Errors
    /// [`ParityError::Sizes`].
    pub fn add(&mut self, images: usize, found: &[f32], logits: &[f32]) -> Result<(), ParityError> {
        require_sizes(images, found.len(), logits.len())?;
        let classes = (logits.len() / images.max(1)).max(1);
        let (mut found, mut expected) = (found.to_vec(), logits.to_vec());
        for (found, expected) in found.chunks_mut(classes).zip(expected.chunks_mut(classes)) {
            if self.probabilities {
                softmax(expected);
                centred_logarithms(found, expected);
            }
            self.differences.add(found, expected);
        }
        Ok(())
    }

    /// Whether everything compared so far is within the tolerance.
    pub fn passed(&self) -> bool {
        self.failure().is_none()
    }

    /// What is not within the tolerance, for a message.
    pub fn failure(&self) -> Option<String> {
        let Differences {
            images, same_class, ..
        } = self.differences;
        // Where the reference is infinite, so is what would be allowed.
        let largest = self.differences.largest;
        let is_far = !largest.is_finite() || largest > self.allowed();
        let (others, most) = (images - same_class, self.tolerance.other_classes(images));
        match (is_far, others > most) {
            (true, _) => Some("the largest difference is above the tolerance".to_owned()),
            (false, true) => Some(format!(
                "the first class differs on {others} of {}, of which {most} may differ",
                counted(images, "image")
            )),
            (false, false) => None,
        }
    }

    /// The largest difference that passes, for the outputs compared so far.
    pub fn allowed(&self) -> f32 {
        self.tolerance.allowed(self.differences.scale())
    }

    /// How far the outputs are apart.
    pub fn differences(&self) -> &Differences {
        &self.differences
    }
}

/// Refuses outputs of `found` values for `images` images where the reference gives `expected`.
pub(super) fn require_sizes(images: usize, found: usize, expected: usize) -> Result<(), ParityError> {
    if found == expected {
        return Ok(());
    }
    Err(ParityError::Sizes {
        found,
        expected,
        images,
    })
}

#[cfg(test)]
mod tests;
