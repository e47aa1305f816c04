//! How far a run has come: everything in its saved state but the tensors.

use std::collections::BTreeSet;
use std::path::Path;

use mbn_cli::HubName;
use mbn_plot::Confusion;
use mbn_spec::{Alpha, Distilled, Metadata, Preprocess, Training};
use serde::{Deserialize, Serialize};

use super::{Epoch, Publish};
use crate::settings::{Part, Settings};

/// The part of the saved state that is not tensors. States of earlier versions lack the fields with a serde default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub settings: Settings,
    #[serde(default)]
    pub publish: Publish,
    pub preprocess: Preprocess,
    /// Name of the data set when the run started; its folder may have moved since.
    #[serde(default)]
    pub data_set: String,
    pub classes: Vec<String>,
    /// Hash of the weights of `--init`.
    #[serde(default)]
    pub init_sha256: Option<String>,
    /// What the run learns from beside the labels.
    #[serde(default)]
    pub teacher: Option<TeacherRecord>,
    /// Number of training images; another number would change the order of the remaining batches.
    pub train_images: usize,
    /// Number of test images; `mistakes` holds indices into them.
    #[serde(default)]
    pub test_images: Option<usize>,
    /// Tells whether the data set has the same images.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// Tells other runs whether they measure their accuracy on the same images.
    #[serde(default)]
    pub test_fingerprint: Option<String>,
    /// Images that could not be used when the run started. No epoch has them.
    #[serde(default)]
    pub left_out: ImageSet,
    /// Images that turned out not to be usable later. Their batches lack them.
    #[serde(default)]
    pub broken: ImageSet,
    /// Steps that were left out, or that a rank's part was left out of, because too few of their images could be used.
    #[serde(default)]
    pub short_steps: usize,
    /// Number of processes that train together; batch norm of each sees its part of a batch.
    #[serde(default = "one")]
    pub ranks: usize,
    /// Kind of device: `cpu` or `cuda`.
    #[serde(default)]
    pub device: Option<String>,
    /// Number of optimiser steps.
    pub steps: u32,
    pub history: Vec<Epoch>,
    /// Position in the epoch after the last one in the history.
    pub position: Position,
    /// The most confident mistakes of the best weights.
    pub mistakes: Vec<Mistake>,
}

/// The teacher of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TeacherRecord {
    /// Hash of its weights.
    pub sha256: String,
    pub alpha: Alpha,
    /// Height and width of its images.
    pub size: usize,
    /// Its accuracy on the test set in per cent at its own size, once it is known.
    pub accuracy: Option<f64>,
    /// The same as it sees images in training, from those of the student: what it teaches from. States of earlier versions lack it.
    #[serde(default)]
    pub accuracy_in_training: Option<f64>,
}

fn one() -> usize {
    1
}

/// Some images of a data set, by their indices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageSet {
    pub train: BTreeSet<usize>,
    pub test: BTreeSet<usize>,
}

impl ImageSet {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.train.len() + self.test.len()
    }
}

/// How far an epoch has come, and its sums so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Number of finished steps.
    pub step: usize,
    /// Sum of the images' losses.
    pub loss: f64,
    /// Number of images that were classified correctly.
    pub right: usize,
    /// Number of images that were trained on.
    pub seen: usize,
    /// Training time.
    pub seconds: f64,
}

/// The weights of the epoch with the highest test accuracy, and their confusion matrix on the test set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Best {
    /// The weight file.
    pub file: Vec<u8>,
    pub confusion: Confusion,
    /// All mistakes, the most confident first. States of earlier versions lack them.
    pub mistakes: Option<Vec<Mistake>>,
}

/// A test image that was classified incorrectly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mistake {
    /// Its index in the test set.
    pub image: usize,
    pub label: u32,
    pub predicted: u32,
    /// Probability of the predicted class.
    pub probability: f32,
}

impl Progress {
    /// The epoch with the highest test accuracy; the earliest if there are several.
    pub fn best(&self) -> Option<&Epoch> {
        self.history
            .iter()
            .fold(None, |best: Option<&Epoch>, epoch| match best {
                Some(best) if best.test_accuracy >= epoch.test_accuracy => Some(best),
                _ => Some(epoch),
            })
    }

    /// Whether the test accuracy has not risen for as many epochs as `--patience` allows.
    pub fn out_of_patience(&self) -> bool {
        let since_best = self
            .best()
            .map_or(0, |best| self.history.len().saturating_sub(best.epoch));
        self.settings.patience > 0 && since_best >= self.settings.patience
    }

    /// All images that are known not to be usable.
    pub fn unusable(&self) -> ImageSet {
        let (left_out, broken) = (&self.left_out, &self.broken);
        ImageSet {
            train: left_out.train.union(&broken.train).copied().collect(),
            test: left_out.test.union(&broken.test).copied().collect(),
        }
    }

    /// Whether no epoch is left to train.
    pub fn is_finished(&self) -> bool {
        self.history.len() >= self.settings.epochs.get() || self.out_of_patience()
    }

    /// The position in the run, for messages.
    pub fn describe_position(&self) -> String {
        match (self.history.len(), self.position.step) {
            (0, 0) => "before its first step".to_owned(),
            (done, 0) => format!("after epoch {done} of {}", self.settings.epochs),
            (done, step) => format!(
                "after step {step} of epoch {} of {}",
                done + 1,
                self.settings.epochs
            ),
        }
    }

    /// What the weights say about the run's teacher.
    fn distilled(&self) -> Option<Distilled> {
        let teacher = self.teacher.as_ref()?;
        let distillation = self.settings.distillation()?;
        Some(Distilled {
            teacher: self.settings.teacher.as_deref().and_then(name_on_hub),
            teacher_sha256: teacher.sha256.clone(),
            teacher_alpha: teacher.alpha,
            teacher_size: teacher.size,
            teacher_accuracy: teacher.accuracy_in_training.or(teacher.accuracy),
            weight: distillation.weight,
            temperature: distillation.temperature,
        })
    }

    /// Metadata of the weights after the last epoch in the history.
    pub fn metadata(&self) -> Metadata {
        Metadata {
            classes: Some(self.classes.clone()),
            preprocess: Some(self.preprocess),
            training: Some(Training {
                data_set: self.data_set.clone(),
                recipe: self.settings.recipe.name().to_owned(),
                epochs: self.history.len(),
                accuracy: self.history.last().map_or(0.0, |epoch| epoch.test_accuracy),
                seed: self.settings.seed,
                val_fraction: self.settings.val_fraction.map(Part::get),
                test_fingerprint: self.test_fingerprint.clone(),
                init: self.settings.init.as_deref().and_then(name_on_hub),
                init_sha256: self.init_sha256.clone(),
                distilled: self.distilled(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            ..Metadata::default()
        }
    }
}

/// The name on the Hub, with its commit, of weights that the user named. A path on this machine would say nothing elsewhere.
fn name_on_hub(weights: &Path) -> Option<String> {
    let name = weights.to_str().filter(|name| HubName::is_meant(name));
    name.map(str::to_owned)
}
