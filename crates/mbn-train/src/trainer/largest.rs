//! Whether a run's largest images fit into the device's memory. `--progressive` comes to them hours after the start.

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use mbn_model::cross_entropy;

use super::Trainer;

impl Trainer {
    /// Tries images of the largest size if the run comes to them later, on a CUDA device: its memory holds what it holds, while that
    /// of the machine may be swapped or freed meanwhile.
    pub(super) fn require_memory(&mut self) -> Result<()> {
        let settings = &self.progress.settings;
        let grow = settings.train_size_of(self.progress.history.len()) < settings.largest_train_size();
        let tried = match grow && self.network.device().is_cuda() {
            true => self.try_largest_images(),
            false => Ok(()),
        };
        self.ranks.agree(tried)
    }

    /// A step on a blank batch of the largest training images, of which nothing remains: neither weights nor running statistics
    /// nor losses change.
    pub(super) fn try_largest_images(&mut self) -> Result<()> {
        let settings = &self.progress.settings;
        let (batch, size) = (settings.batch_size.get(), settings.largest_train_size());
        let statistics = self.network.running_statistics()?;
        let tried = self.try_images(
            self.ranks.part().len_of(batch, settings.augment().mixing.is_on()),
            size,
        );
        self.network.set_running_statistics(statistics);
        tried.with_context(|| {
            format!("a step on {batch} images of {size} x {size}, to which the images of the run grow, does not succeed")
        })
    }

    fn try_images(&mut self, count: usize, size: usize) -> Result<()> {
        let device = self.network.device().clone();
        let images = Tensor::zeros((count, 3, size, size), DType::F32, &device)?;
        let labels = Tensor::zeros(count, DType::U32, &device)?;
        let pass = self.network.forward_part(&images, None)?;
        let mut loss = cross_entropy(pass.logits(), &labels, 0.0)?;
        if let Some(teacher) = &mut self.teacher {
            loss = teacher.blend(loss, pass.logits(), &images, None)?;
        }
        drop(self.network.backward(pass, &loss)?);
        device.synchronize()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use candle_core::Device;
    use tempfile::TempDir;

    use super::super::tests::{options, pictures};
    use super::*;
    use crate::ranks::Ranks;

    #[test]
    fn trying_the_largest_images_changes_nothing() {
        let folder = TempDir::new().unwrap();
        pictures(folder.path());
        let more = "--batch-size 4 --train-size 64 --progressive 32 --ema 0.9";
        let options = options(folder.path(), "run", more);
        let ranks = Rc::new(Ranks::alone());
        let mut trainer = Trainer::start(&options, &Device::Cpu, &ranks).unwrap().unwrap();
        assert!(trainer.train_epoch().unwrap());
        let before = trainer.to_bytes().unwrap();
        trainer.try_largest_images().unwrap();
        assert!(before == trainer.to_bytes().unwrap());
        // What is tried is a step, which changes running statistics.
        trainer.try_images(4, 64).unwrap();
        assert!(before != trainer.to_bytes().unwrap());
    }
}
