//! Batches from the loader to the device.

use anyhow::Result;
use candle_core::{Device, Tensor};
use mbn_data::Batch;
#[cfg(feature = "cuda")]
use mbn_spec::Preprocess;

/// Makes the step's tensors. On CUDA pictures travel as bytes, beside the step, and are normalised there.
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
            && !batch.pixels.is_empty()
        {
            // The loader has cropped them, a crop being resized by a filter that looks at many pixels.
            let crop = |mirrored: &bool| [0, 0, i32::from(*mirrored)];
            let crops: Vec<_> = batch.mirrored.iter().map(crop).collect();
            let pictures = mbn_ops::Pictures {
                pixels: &batch.pixels,
                height: size,
                width: size,
                crops: &crops,
                labels: &batch.labels,
            };
            let Preprocess { mean, std, .. } = self.preprocess;
            return Ok(uploader.upload(pictures, size, mean, std)?);
        }
        let images = Tensor::from_vec(batch.images, (n, 3, size, size), &self.device)?;
        let labels = Tensor::new(batch.labels.as_slice(), &self.device)?;
        Ok((images, labels))
    }
}
