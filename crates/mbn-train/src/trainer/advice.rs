//! Advice about a run that learns nothing, and about one that has little to learn from.

use mbn_cli::quote;
use mbn_spec::text::counted;

use super::Trainer;
use crate::again;
use crate::data;
use crate::run::{AUGMENTED, SETTINGS};
use crate::settings::ClassWeights;

/// A network that learns has left chance behind after so many epochs.
const EPOCHS: usize = 3;
/// With fewer training images, weights that are trained already serve better than random ones.
const FEW_IMAGES: usize = 1000;

impl Trainer {
    /// Warns after the third epoch if the network still guesses. The epoch had `seen` images, of which `right` were classified
    /// correctly.
    pub(super) fn warn_of_chance(&self, right: usize, seen: usize) {
        if self.progress.history.len() != EPOCHS {
            return;
        }
        let settings = &self.progress.settings;
        let chance = match settings.class_weights {
            // Always to name the largest class.
            ClassWeights::None => data::largest_share(&self.data, &self.progress.left_out),
            ClassWeights::Balanced => 1.0 / self.progress.classes.len() as f64,
        };
        if !is_chance(right, seen, chance) {
            return;
        }
        let rate = settings.lr.get();
        let init = match settings.init {
            None => "; or start from weights that are trained already, with `--init`",
            Some(_) => "",
        };
        log::warn!(
            "after {EPOCHS} epochs the training accuracy is {:.2} %, and guessing gives {:.2} %: the network has learned nothing yet\n\
             hint: see in `{}` whether images and labels belong together; if they do, `mbn-train --config {}{} --lr-find` looks for \
             another learning rate than {rate}{init}",
            100.0 * right as f64 / seen.max(1) as f64,
            100.0 * chance,
            self.run.file(AUGMENTED).display(),
            quote(&self.run.file(SETTINGS)),
            again::options(),
        );
    }
}

/// Whether so many right answers are about what guessing gives, which is right with a probability of `chance`. More than that is
/// two standard deviations more, or half of what is missing to be always right, or a quarter more, whichever is least.
fn is_chance(right: usize, seen: usize, chance: f64) -> bool {
    if seen == 0 {
        return false;
    }
    let deviation = (chance * (1.0 - chance) / seen as f64).sqrt();
    let more = (chance + 2.0 * deviation)
        .min(1.25 * chance)
        .min(0.5 * (1.0 + chance));
    (right as f64) < more * seen as f64
}

/// Says that trained weights serve better if a run begins from random ones with few images.
pub(super) fn advise_to_start_from_weights(images: usize, has_init: bool) {
    if let Some(advice) = few_images(images, has_init) {
        log::info!("{advice}");
    }
}

fn few_images(images: usize, has_init: bool) -> Option<String> {
    (images < FEW_IMAGES && !has_init).then(|| {
        format!(
            "{} {} few for random weights; with `--init WEIGHTS`, such as `--init hf:google/mobilenet_v1_0.75_192` without \
             `--alpha`, the network starts from what it has learned elsewhere and classifies better",
            counted(images, "training image"),
            if images == 1 { "is" } else { "are" },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_told_from_learning() {
        for (right, seen, chance, expected) in [
            // Ten classes, many images: two standard deviations are 0.6 %.
            (1000, 10_000, 0.1, true),
            (1055, 10_000, 0.1, true),
            (1065, 10_000, 0.1, false),
            // Less than guessing is no better.
            (500, 10_000, 0.1, true),
            // Sixteen images of two classes.
            (8, 16, 0.5, true),
            (10, 16, 0.5, false),
            (16, 16, 0.5, false),
            // Nearly all images are of one class.
            (95, 100, 0.95, true),
            (98, 100, 0.95, false),
            (100, 100, 0.95, false),
            (0, 0, 0.5, false),
        ] {
            assert_eq!(
                is_chance(right, seen, chance),
                expected,
                "{right} of {seen}, {chance}"
            );
        }
    }

    #[test]
    fn advice_is_for_few_images_and_random_weights() {
        assert!(
            few_images(300, false)
                .unwrap()
                .starts_with("300 training images are few")
        );
        assert_eq!(few_images(300, true), None);
        assert_eq!(few_images(1000, false), None);
    }
}
