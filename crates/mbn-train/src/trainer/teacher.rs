//! What a run learns from beside the labels: the answers of a network that is trained already.

mod accuracy;
mod file;

use anyhow::Result;
use candle_core::{Device, Tensor};
use mbn_model::{CrossEntropy, Distillation, relative_weights};
use mbn_spec::Preprocess;

pub(super) use self::file::TeacherFile;
use super::Trainer;

/// The teacher on the device.
pub(super) struct Teacher {
    network: mbn_model::Teacher,
    distillation: Distillation,
    file: TeacherFile,
}

impl Teacher {
    /// `student` is how the run normalises its images.
    fn new(
        file: TeacherFile,
        distillation: Distillation,
        student: &Preprocess,
        device: &Device,
    ) -> Result<Self> {
        Ok(Self {
            network: mbn_model::Teacher::new(&file.weights.fold(), &file.preprocess, student, device)?,
            distillation,
            file,
        })
    }

    /// `loss`, computed from `logits`, with the teacher's share. `images` are those of the student, whatever was mixed into them,
    /// and `weights` their weights in the loss.
    pub fn blend(
        &mut self,
        loss: CrossEntropy,
        logits: &Tensor,
        images: &Tensor,
        weights: Option<&[f32]>,
    ) -> Result<CrossEntropy> {
        let answers = self.network.logits(images)?;
        let weights = weights.map(|weights| {
            // Those of the images, as the loss has them: the teacher's answer is about an image as a whole.
            Tensor::new(relative_weights(weights, weights), images.device())
        });
        let weights = weights.transpose()?;
        Ok(self
            .distillation
            .blend(loss, logits, &answers, weights.as_ref())?)
    }
}

impl Trainer {
    pub(super) fn set_teacher(&mut self, file: Option<TeacherFile>) -> Result<()> {
        let (Some(file), Some(distillation)) = (file, self.progress.settings.distillation()) else {
            return Ok(());
        };
        let teacher = Teacher::new(
            file,
            distillation,
            &self.progress.preprocess,
            self.network.device(),
        );
        self.teacher = Some(teacher?);
        Ok(())
    }
}
