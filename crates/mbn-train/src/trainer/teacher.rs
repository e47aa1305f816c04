//! What a run learns from beside the labels: the answers of a network that is trained already.

mod file;

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use mbn_data::LoaderConfig;
use mbn_model::{CrossEntropy, Distillation, relative_weights};
use mbn_spec::Preprocess;

pub(super) use self::file::TeacherFile;
use super::Trainer;
use super::bad_images::Part;
use super::evaluate::evaluate;

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
            let weights: Vec<f32> = relative_weights(weights).collect();
            Tensor::new(weights, images.device())
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

    /// Says what the teacher is, and how well it classifies the test images; `false` if the user stopped it before that is known.
    pub(super) fn introduce_teacher(&mut self) -> Result<bool> {
        let known = self.progress.teacher.as_ref().and_then(|record| record.accuracy);
        let tested = match known {
            Some(accuracy) => Some(accuracy),
            None => self.test_teacher()?,
        };
        let Some(teacher) = &self.teacher else {
            return Ok(true);
        };
        let Some(accuracy) = tested else {
            return Ok(false);
        };
        let Distillation { weight, temperature } = teacher.distillation;
        log::info!(
            "Teacher: {}, which is right about {accuracy:.2} % of the test images; its share of the loss is {weight}, at a \
             temperature of {temperature}",
            teacher.file.describe()
        );
        if let Some(record) = &mut self.progress.teacher {
            record.accuracy = Some(accuracy);
        }
        Ok(true)
    }

    /// The teacher's accuracy on the test images, in per cent; `None` without a teacher, or if the user stopped it.
    fn test_teacher(&mut self) -> Result<Option<f64>> {
        let Some(Teacher { file, .. }) = &self.teacher else {
            return Ok(None);
        };
        let config = LoaderConfig {
            preprocess: file.preprocess,
            ..self.test_loader.config().clone()
        };
        let loader = self.test_loader.beside(Arc::clone(&self.data.test), config);
        let loader = loader.context("cannot load test images")?;
        let (device, folder) = (self.network.device(), self.run.path());
        let Some(evaluation) = evaluate(&file.weights, &loader, device, folder, &self.ranks)? else {
            return Ok(None);
        };
        if !evaluation.loss.is_finite() {
            self.ranks.all_fail();
            bail!(
                "the teacher {} cannot be used: its test loss is {}",
                file.describe(),
                evaluation.loss
            );
        }
        self.note_unusable(&evaluation.unusable, Part::Test);
        Ok(Some(evaluation.accuracy()))
    }
}
