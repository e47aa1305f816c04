//! The network that another one learns from.

use candle_core::{Device, Result, Tensor};
use mbn_spec::Preprocess;
use mbn_weights::Folded;

use crate::InferenceNetwork;
use crate::resample::Resample;

/// A trained network that gives its opinion on the images of another one's training, which it sees at its own size and with its
/// own normalisation. It does not learn itself.
pub struct Teacher {
    network: InferenceNetwork,
    size: usize,
    /// Factor and offset that turn the student's values into the teacher's, each `[1, 3, 1, 1]`, unless they are the same.
    normalization: Option<(Tensor, Tensor)>,
    /// For the size of the last images.
    resample: Option<Resample>,
}

impl Teacher {
    /// The network of `folded` for images that are normalised as `student` says; its own are as `teacher` says.
    ///
    /// # Errors
    /// If the device cannot hold it.
    pub fn new(folded: &Folded, teacher: &Preprocess, student: &Preprocess, device: &Device) -> Result<Self> {
        let is_same = (teacher.mean, teacher.std) == (student.mean, student.std);
        let channels = |value: &dyn Fn(usize) -> f32| {
            Tensor::new(&[value(0), value(1), value(2)], device)?.reshape((1, 3, 1, 1))
        };
        let factor = |c: usize| student.std[c] / teacher.std[c];
        let offset = |c: usize| (student.mean[c] - teacher.mean[c]) / teacher.std[c];
        Ok(Self {
            network: InferenceNetwork::new(folded, device)?,
            size: teacher.size,
            normalization: match is_same {
                true => None,
                false => Some((channels(&factor)?, channels(&offset)?)),
            },
            resample: None,
        })
    }

    /// Logits `[N, classes]` of the student's square images `[N, 3, H, H]`; carries no gradient.
    ///
    /// # Errors
    /// If the images have another shape.
    pub fn logits(&mut self, images: &Tensor) -> Result<Tensor> {
        let images = self.own_images(&images.detach())?;
        Ok(self.network.forward(&images)?.detach())
    }

    /// The images as the teacher sees them, `[N, 3, size, size]`.
    fn own_images(&mut self, images: &Tensor) -> Result<Tensor> {
        let (_, _, size, _) = images.dims4()?;
        let mut images = images.clone();
        if size != self.size {
            let resample = match self.resample.take() {
                Some(resample) if resample.takes(size) => resample,
                _ => Resample::new(size, self.size, images.device())?,
            };
            images = resample.apply(&images)?;
            self.resample = Some(resample);
        }
        match &self.normalization {
            Some((factor, offset)) => images.broadcast_mul(factor)?.broadcast_add(offset),
            None => Ok(images),
        }
    }
}

#[cfg(test)]
mod tests;
