//! How well the teacher classifies the test images: at its own size, and as it sees images in training.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use mbn_data::LoaderConfig;
use mbn_model::Distillation;
use mbn_spec::{Preprocess, Resize};

use super::super::Trainer;
use super::super::bad_images::Part;
use super::super::evaluate::{Tested, evaluate};
use super::Teacher;

/// So many points less than at its own size are a large drop. Another size of the same pictures costs a good network a few points; one
/// that loses more no longer recognises what it is shown.
const LARGE_DROP: f64 = 10.0;

/// How the teacher sees test images.
#[derive(Clone, Copy)]
enum View {
    /// Made for it, at its own size.
    Own,
    /// Made for the student at the size of its last epochs, and then resized, as in training.
    Student,
}

impl Trainer {
    /// Says what the teacher is, and how well it classifies the test images; `false` if the user stopped it before that is known.
    pub(in super::super) fn introduce_teacher(&mut self) -> Result<bool> {
        let Some(Teacher { file, .. }) = &self.teacher else {
            return Ok(true);
        };
        let (teacher, student) = (file.preprocess, self.student_view());
        let is_same = see_the_same(&teacher, &student);
        let known = self.progress.teacher.as_ref();
        let [own, in_training] = [
            known.and_then(|known| known.accuracy),
            known.and_then(|known| known.accuracy_in_training),
        ];
        let Some(own) = self.tested(own, View::Own)? else {
            return Ok(false);
        };
        let in_training = in_training.or(is_same.then_some(own));
        let Some(in_training) = self.tested(in_training, View::Student)? else {
            return Ok(false);
        };
        if let Some(record) = &mut self.progress.teacher {
            (record.accuracy, record.accuracy_in_training) = (Some(own), Some(in_training));
        }
        if let Some(teacher) = &self.teacher {
            teacher.describe(own, (!is_same).then_some((in_training, student.size)));
        }
        Ok(true)
    }

    /// How whole images look to the student in its last epochs.
    fn student_view(&self) -> Preprocess {
        let size = self.progress.settings.largest_train_size();
        self.progress.preprocess.with_size(size)
    }

    /// `known`, or the accuracy on the test images in per cent; `None` if the user stopped the test.
    fn tested(&mut self, known: Option<f64>, view: View) -> Result<Option<f64>> {
        match known {
            Some(accuracy) => Ok(Some(accuracy)),
            None => self.test_teacher(view),
        }
    }

    /// The teacher's accuracy on the test images, in per cent; `None` without a teacher, or if the user stopped it.
    fn test_teacher(&mut self, view: View) -> Result<Option<f64>> {
        let student = self.student_view();
        let Some(Teacher { file, network, .. }) = &mut self.teacher else {
            return Ok(None);
        };
        let config = LoaderConfig {
            preprocess: match view {
                View::Own => file.preprocess,
                View::Student => student,
            },
            ..self.test_loader.config().clone()
        };
        let loader = self.test_loader.beside(Arc::clone(&self.data.test), config);
        let loader = loader.context("cannot load test images")?;
        let device = self.network.device();
        let tested = match view {
            View::Own => Tested::of(&file.weights, device),
            View::Student => {
                let classes = file.weights.architecture().classes;
                Ok(Tested::new(|images| network.logits(images), classes, device))
            }
        };
        let Some(evaluation) = evaluate(tested, &loader, self.run.path(), &self.ranks)? else {
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

impl Teacher {
    /// Says how well it classifies the test images, in per cent: at its own size, and if that is something else, as it sees images in
    /// training, from those of the student of a size.
    fn describe(&self, own: f64, in_training: Option<(f64, usize)>) {
        let Distillation { weight, temperature } = self.distillation;
        let seen = in_training.map_or_else(String::new, |(accuracy, size)| {
            format!(", and about {accuracy:.2} % of them as it sees them in training, from images of {size} x {size}")
        });
        log::info!(
            "Teacher: {}, which is right about {own:.2} % of the test images{seen}; its share of the loss is {weight}, at a \
             temperature of {temperature}",
            self.file.describe()
        );
        if let Some((accuracy, size)) = in_training
            && own - accuracy > LARGE_DROP
        {
            log::warn!(
                "the teacher is right about {own:.2} % of the test images at its own size, but about {accuracy:.2} % of them from the \
                 student's images of {size} x {size}, and it teaches what it sees in these\n\
                 hint: train on larger images, with `--size` or `--train-size`, or take a teacher that was trained at {size} x {size}"
            );
        }
    }
}

/// Whether two networks see the same part of an image at the same size. How they normalise it does not matter: the teacher's is
/// computed from the student's.
fn see_the_same(teacher: &Preprocess, student: &Preprocess) -> bool {
    let shape = |images: &Preprocess| (images.size, images.resize, images.interpolation);
    let cut = |images: &Preprocess| (images.shorter_side(), images.centre);
    shape(teacher) == shape(student) && (teacher.resize == Resize::Square || cut(teacher) == cut(student))
}

#[cfg(test)]
mod tests {
    use mbn_spec::Interpolation;

    use super::*;

    #[test]
    fn only_what_is_seen_counts() {
        let one = Preprocess::default();
        let crop = Preprocess {
            resize: Resize::Crop,
            ..one
        };
        for (other, expected) in [
            (one, true),
            (
                Preprocess {
                    mean: [0.5; 3],
                    std: [0.5; 3],
                    ..one
                },
                true,
            ),
            (
                Preprocess {
                    shorter: Some(300),
                    ..one
                },
                true,
            ),
            (one.with_size(192), false),
            (crop, false),
            (
                Preprocess {
                    interpolation: Interpolation::Bicubic,
                    ..one
                },
                false,
            ),
        ] {
            assert_eq!(see_the_same(&one, &other), expected, "{other:?}");
        }
        assert!(see_the_same(&crop, &crop) && !see_the_same(&crop, &crop.with_shorter(240)));
    }
}
