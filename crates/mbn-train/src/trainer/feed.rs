//! Moves batches from the loader to the device.

use anyhow::Result;
use candle_core::{Device, Tensor};
use mbn_data::Batch;
#[cfg(feature = "cuda")]
use mbn_data::{Crop, Filter};
#[cfg(feature = "cuda")]
use mbn_spec::Preprocess;

/// Makes the tensors of a step. With CUDA, it copies decoded images while the GPU works on the previous step, and the GPU
/// resizes and normalises them.
pub(crate) struct Feed {
    device: Device,
    #[cfg(feature = "cuda")]
    preprocess: Preprocess,
    #[cfg(feature = "cuda")]
    uploader: Option<mbn_ops::Uploader>,
}

impl Feed {
    pub fn new(device: &Device, #[cfg(feature = "cuda")] preprocess: Preprocess) -> Result<Self> {
        Ok(Self {
            device: device.clone(),
            #[cfg(feature = "cuda")]
            preprocess,
            #[cfg(feature = "cuda")]
            uploader: device
                .is_cuda()
                .then(|| mbn_ops::Uploader::new(device))
                .transpose()?,
        })
    }

    /// The network's input `[N, 3, size, size]` and the labels `[N]`.
    pub fn tensors(&mut self, batch: Batch) -> Result<(Tensor, Tensor)> {
        let (n, size) = (batch.labels.len(), batch.size);
        #[cfg(feature = "cuda")]
        if let Some(uploader) = &mut self.uploader
            && let Some(crops) = &batch.crops
        {
            let pictures: Vec<_> = crops.iter().map(picture).collect();
            let Preprocess { mean, std, .. } = self.preprocess;
            return Ok(uploader.upload(&pictures, &batch.labels, size, mean, std)?);
        }
        let images = Tensor::from_vec(batch.images, (n, 3, size, size), &self.device)?;
        let labels = Tensor::new(batch.labels.as_slice(), &self.device)?;
        Ok((images, labels))
    }
}

#[cfg(feature = "cuda")]
fn picture(crop: &Crop) -> mbn_ops::Picture<'_> {
    mbn_ops::Picture {
        pixels: &crop.pixels,
        height: crop.height,
        width: crop.width,
        rows: filter(&crop.rows),
        columns: filter(&crop.columns),
        is_mirrored: crop.is_mirrored,
    }
}

#[cfg(feature = "cuda")]
fn filter(filter: &Filter) -> mbn_ops::Filter<'_> {
    mbn_ops::Filter {
        taps: filter.taps,
        shift: filter.shift,
        starts: &filter.starts,
        weights: &filter.weights,
    }
}
