//! Batches through a session.

use half::f16;
use mbn_onnx::FEATURES;

use super::OrtEngine;
use super::fixed::FixedBatch;
use super::interface::Arranged;
use super::output::widened;
use super::session::Provider;
use crate::cuda::CudaError;
use crate::error::EngineError;
use crate::images::{MAX_BATCH, Picture, PixelType, Pixels};

impl OrtEngine {
    /// Runs at most one batch, in buffers that are allocated once.
    pub(super) fn run_fixed(&mut self, images: Pixels<'_>, n: usize) -> Result<Vec<f32>, EngineError> {
        let (batch, image_len) = (self.input.batch.or(self.batch).unwrap_or(n), images.len() / n);
        let failed = |error: ort::Error| match self.provider {
            Provider::Cpu => EngineError::run(error),
            Provider::Cuda(cuda) => CudaError::of_message(error.message(), cuda.device).into(),
        };
        let arranged = self.input.arrange(images, n)?;
        let records = matches!(self.provider, Provider::Cuda(cuda) if cuda.graph);
        let fixed = match &mut self.fixed {
            Some(fixed) if fixed.is_for(batch, image_len) => fixed,
            Some(fixed) if records => {
                return Err(EngineError::Recorded {
                    recorded: fixed.sizes(),
                    wanted: [batch, image_len],
                });
            }
            fixed => {
                let (session, provider) = (&self.session, &self.provider);
                let new = FixedBatch::new(session, provider, &self.input, &self.output, batch, image_len);
                fixed.insert(new.map_err(failed)?)
            }
        };
        let logits = fixed.run(&mut self.session, &arranged, n);
        logits.map_err(failed)
    }

    fn run(
        &mut self,
        images: Pixels<'_>,
        n: usize,
        features: Option<&mut Vec<f32>>,
    ) -> Result<Vec<f32>, EngineError> {
        let shape = self.input.shape(images.len(), n);
        let arranged = self.input.arrange(images, n)?;
        self.run_shaped(shape, &arranged, features)
    }

    /// Runs whole pictures, those of one size in a row together.
    pub(super) fn run_pictures(
        &mut self,
        pictures: &[Picture],
        mut features: Option<&mut Vec<f32>>,
    ) -> Result<Vec<f32>, EngineError> {
        let most = self.input.batch.or(self.batch).unwrap_or(MAX_BATCH);
        let mut logits = Vec::with_capacity(pictures.len() * self.output.classes);
        let mut done = 0;
        for alike in pictures.chunk_by(Picture::is_as_large_as) {
            for part in alike.chunks(most) {
                let n = self.input.batch.unwrap_or(part.len());
                let Picture { height, width, .. } = part[0];
                let mut bytes = Vec::with_capacity(n * 3 * height * width);
                for picture in part {
                    bytes.extend_from_slice(&picture.bytes);
                }
                if bytes.is_empty() || bytes.len() != part.len() * 3 * height * width {
                    return Err(EngineError::Images {
                        values: bytes.len(),
                        images: part.len(),
                        size: None,
                    });
                }
                // A file with a fixed batch takes no other number: black pictures fill it up.
                bytes.resize(n * 3 * height * width, 0);
                let arranged = Arranged::Uint8(bytes.into());
                let found = self.run_shaped(vec![n, height, width, 3], &arranged, features.as_deref_mut())?;
                logits.extend_from_slice(&found[..part.len() * self.output.classes]);
                done += part.len();
                self.cut(features.as_deref_mut(), done);
            }
        }
        Ok(logits)
    }

    /// Removes the features of images beyond `n`, which only filled up a batch.
    fn cut(&self, features: Option<&mut Vec<f32>>, n: usize) {
        if let (Some(features), Some(len)) = (features, self.features) {
            features.truncate(n * len);
        }
    }

    /// Runs once. `features` gets those of all images, if they are wanted.
    fn run_shaped(
        &mut self,
        shape: Vec<usize>,
        arranged: &Arranged<'_>,
        features: Option<&mut Vec<f32>>,
    ) -> Result<Vec<f32>, EngineError> {
        let (n, name, provider) = (shape[0], self.input.name.as_str(), self.provider);
        let value = arranged.tensor(shape).map_err(EngineError::run)?;
        let outputs = self
            .session
            .run(ort::inputs![name => value])
            .map_err(|error| provider.error(error, EngineError::run))?;
        let output = &outputs[self.output.name.as_str()];
        let (shape, logits) = match self.output.is_half {
            true => {
                let (shape, values) = output.try_extract_tensor::<f16>().map_err(EngineError::run)?;
                (shape, widened(values))
            }
            false => {
                let (shape, values) = output.try_extract_tensor::<f32>().map_err(EngineError::run)?;
                (shape, values.to_vec())
            }
        };
        if shape.first() != Some(&(n as i64)) || logits.len() != n * self.output.classes {
            return Err(EngineError::OutputShape {
                name: self.output.name.clone(),
                found: shape.to_vec(),
                images: n,
                classes: self.output.classes,
            });
        }
        if let (Some(features), Some(len)) = (features, self.features) {
            let found = outputs[FEATURES].try_extract_tensor::<f32>();
            let (shape, values) = found.map_err(EngineError::run)?;
            if values.len() != n * len {
                return Err(EngineError::OutputShape {
                    name: FEATURES.to_owned(),
                    found: shape.to_vec(),
                    images: n,
                    classes: len,
                });
            }
            features.extend_from_slice(values);
        }
        Ok(logits)
    }

    pub(super) fn outputs(
        &mut self,
        images: Pixels<'_>,
        n: usize,
        mut features: Option<&mut Vec<f32>>,
    ) -> Result<Vec<f32>, EngineError> {
        if n == 0 {
            return Ok(Vec::new());
        }
        if let (PixelType::Pictures, Pixels::Pictures(pictures)) = (self.input.pixel_type(), images) {
            if pictures.len() != n {
                return Err(EngineError::Images {
                    values: pictures.len(),
                    images: n,
                    size: None,
                });
            }
            return self.run_pictures(pictures, features);
        }
        let image_len = self.input.image_len(images.len(), n)?;
        let parts = |batch: usize| {
            let starts = (0..n).step_by(batch);
            starts.map(move |start| {
                let end = n.min(start + batch);
                (images.range(start * image_len..end * image_len), end - start)
            })
        };
        if let Some(batch) = self.batch {
            let batch = self.input.batch.unwrap_or(batch);
            let logits: Result<Vec<_>, _> = parts(batch)
                .map(|(part, rows)| self.run_fixed(part, rows))
                .collect();
            return Ok(logits?.concat());
        }
        let Some(batch) = self.input.batch.filter(|batch| *batch != n) else {
            return self.run(images, n, features);
        };
        // A file with a fixed batch takes no other number: zeros fill up the last one.
        let mut logits = Vec::with_capacity(n * self.output.classes);
        for (part, rows) in parts(batch) {
            let padded = part.padded(batch * image_len);
            let part = self.run(padded.pixels(), batch, features.as_deref_mut())?;
            logits.extend_from_slice(&part[..rows * self.output.classes]);
        }
        self.cut(features, n);
        Ok(logits)
    }
}
