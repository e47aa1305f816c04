//! The sizes of training images, and the random changes to them.

use mbn_cli::{Overrides, PreprocessArgs};
use mbn_data::{Augment, ColorJitter, Erasing, Mixing, Policy};

use super::{Positive, RandAugment, Settings, Size};

impl Settings {
    /// Height and width of training images; of the last epochs if images grow.
    pub fn largest_train_size(&self) -> usize {
        self.train_size.unwrap_or(self.size).get()
    }

    /// Whether training images have the size of test images in every epoch.
    pub fn has_one_size(&self) -> bool {
        let start = self.progressive.get();
        self.train_size.is_none() && (start == 0 || start == self.size.get())
    }

    /// Height and width of the training images of an epoch, counted from 0. With `--progressive`, images grow in steps
    /// of 32 pixels, in phases of equal length, and the last epoch has the full size.
    pub(crate) fn train_size_of(&self, epoch: usize) -> usize {
        const STEP: usize = 32;
        let (start, size, epochs) = (
            self.progressive.get(),
            self.largest_train_size(),
            self.epochs.get(),
        );
        if start == 0 || start >= size || epoch + 1 >= epochs {
            return size;
        }
        let sizes = (size - start).div_ceil(STEP) + 1;
        let phase = epoch * sizes / epochs;
        (start + phase * STEP).min(size)
    }

    /// The option that sets the size of the first epoch, for messages.
    pub(crate) fn option_of_first_size(&self) -> &'static str {
        match self.train_size {
            _ if self.train_size_of(0) < self.largest_train_size() => "--progressive",
            Some(_) => "--train-size",
            None => "--size",
        }
    }

    /// What these settings say about the network and its preprocessing.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            images: PreprocessArgs {
                size: Some(self.size.get()),
                resize: self.resize.map(Into::into),
                shorter: self.shorter.map(Size::get),
                interpolation: self.interpolation,
                mean: self.mean,
                std: self.std,
            },
            activation: self.activation,
            epsilon: self.epsilon.map(Positive::get),
            padding: self.padding,
        }
    }

    /// The random changes to training images.
    pub fn augment(&self) -> Augment {
        let jitter = self.color_jitter.get() as f32;
        Augment {
            crop: self.crop,
            scale: self.crop_scale.get().map(|part| part as f32),
            flip: self.flip.get() as f32,
            color_jitter: ColorJitter {
                brightness: jitter,
                contrast: jitter,
                saturation: jitter,
                hue: 0.0,
            },
            policy: self.policy(),
            erasing: Erasing {
                probability: self.erasing.get() as f32,
                ..Erasing::default()
            },
            mixing: Mixing {
                mixup: self.mixup.get() as f32,
                cutmix: self.cutmix.get() as f32,
                ..Mixing::default()
            },
            ..Augment::none()
        }
    }

    fn policy(&self) -> Policy {
        match self.rand_augment {
            _ if self.trivial_augment => Policy::TrivialAugment,
            RandAugment { operations: 0, .. } => Policy::None,
            RandAugment {
                operations,
                magnitude,
            } => Policy::RandAugment {
                ops: operations as usize,
                magnitude,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::settings::RunArgs;

    #[test]
    fn sizes_grow_in_equal_parts_to_the_full_size() {
        let args = RunArgs {
            progressive: "128".parse().ok(),
            epochs: NonZeroUsize::new(8),
            ..RunArgs::default()
        };
        let mut settings = Settings::resolve(args, "d".into(), None).unwrap();
        let sizes = |settings: &Settings| {
            (0..settings.epochs.get())
                .map(|epoch| settings.train_size_of(epoch))
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(&settings), [128, 128, 160, 160, 192, 192, 224, 224]);
        settings.epochs = NonZeroUsize::new(2).unwrap();
        assert_eq!(sizes(&settings), [128, 224]);
        settings.train_size = "160".parse().ok();
        assert_eq!(sizes(&settings), [128, 160]);
        settings.progressive = "0".parse().unwrap();
        assert_eq!(sizes(&settings), [160, 160]);
        settings.train_size = None;
        assert_eq!(sizes(&settings), [224, 224]);
    }
}
