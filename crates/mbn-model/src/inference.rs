//! The network with batch norm folded into its convolutions.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor, bail};
use mbn_ops::{FusedConv, FusedPointwise};
use mbn_ops::{global_average_pool_stored, linear, on_workers, separable_fused, stem_fused};
use mbn_spec::{Architecture, ConvLayer, LayerKind};
use mbn_weights::Folded;

use crate::buffers::Buffers;
use crate::parameters::conv3x3;

/// MobileNetV1 for inference: each convolution adds its bias and applies the activation as it writes, and a
/// depthwise convolution's result is not stored.
pub struct InferenceNetwork {
    architecture: Architecture,
    stem: (FusedConv, ConvLayer),
    blocks: Vec<Block>,
    fc_weight: Tensor,
    fc_bias: Tensor,
    device: Device,
    buffers: Mutex<Buffers>,
}

struct Block {
    depthwise: FusedConv,
    spec: ConvLayer,
    pointwise: FusedPointwise,
}

impl InferenceNetwork {
    /// The network with the given weights on the given device.
    ///
    /// # Errors
    /// If a tensor has another length than the architecture says, or the device cannot hold it.
    pub fn new(folded: &Folded, device: &Device) -> Result<Self> {
        let architecture = folded.architecture;
        let (mut stem, mut waiting, mut blocks) = (None, None, Vec::new());
        for (spec, conv) in architecture.convs().into_iter().zip(&folded.convs) {
            let fused = FusedConv {
                weight: Tensor::from_slice(&conv.weight, spec.weight_shape().as_slice(), device)?,
                bias: Tensor::from_slice(&conv.bias, spec.out_channels, device)?,
                max: architecture.variant.activation.max(),
            };
            match (spec.kind, waiting.take()) {
                (LayerKind::Stem, _) => stem = Some((fused, spec)),
                (LayerKind::Pointwise, Some((depthwise, spec))) => blocks.push(Block {
                    depthwise,
                    spec,
                    pointwise: fused.into(),
                }),
                _ => waiting = Some((fused, spec)),
            }
        }
        let Some(stem) = stem else {
            bail!("the network has no stem")
        };
        let (classes, features) = (architecture.classes, architecture.features());
        Ok(Self {
            stem,
            blocks,
            fc_weight: Tensor::from_slice(&folded.fc_weight, (classes, features), device)?,
            fc_bias: Tensor::from_slice(&folded.fc_bias, classes, device)?,
            architecture,
            device: device.clone(),
            buffers: Mutex::default(),
        })
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]`.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        Ok(self.forward_with_features(images)?.0)
    }

    /// As [`Self::forward`], and the pooled features `[N, features]` that the classifier takes.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_with_features(&self, images: &Tensor) -> Result<(Tensor, Tensor)> {
        // Taken, so that a pass on another thread makes its own.
        let mut buffers = std::mem::take(&mut *self.buffers.lock().unwrap_or_else(PoisonError::into_inner));
        let found = on_workers(&self.device, || {
            let features = self.features(&images.contiguous()?, &mut buffers)?;
            Ok((linear(&features, &self.fc_weight, &self.fc_bias)?, features))
        });
        *self.buffers.lock().unwrap_or_else(PoisonError::into_inner) = buffers;
        found
    }

    fn features(&self, images: &Tensor, buffers: &mut Buffers) -> Result<Tensor> {
        let (n, _, h, w) = images.dims4()?;
        buffers.prepare(images);
        let mut buffer = |channels: usize, (h, w): (usize, usize), free: Option<Tensor>| {
            if let Some(tensor) = free {
                buffers.give(tensor);
            }
            buffers.take((n, h, w, channels), DType::F32, &self.device)
        };
        let geometry = |spec: &ConvLayer, (h, w)| {
            let conv = conv3x3(spec, &self.architecture.variant, [h, w])?;
            Ok::<_, candle_core::Error>((conv, (conv.out_size(h)?, conv.out_size(w)?)))
        };
        let (stem, spec) = &self.stem;
        let (conv, mut size) = geometry(spec, (h, w))?;
        let mut x = buffer(stem.bias.elem_count(), size, None)?;
        stem_fused(images, stem, conv, &x)?;
        let mut free = None;
        for Block {
            depthwise,
            spec,
            pointwise,
        } in &self.blocks
        {
            let (conv, out_size) = geometry(spec, size)?;
            size = out_size;
            let out = buffer(pointwise.channels(), size, free.take())?;
            separable_fused(&x, depthwise, conv, pointwise, &out)?;
            free = Some(std::mem::replace(&mut x, out));
        }
        let features = global_average_pool_stored(&x)?;
        [Some(x), free]
            .into_iter()
            .flatten()
            .for_each(|tensor| buffers.give(tensor));
        Ok(features)
    }

    /// The network's description.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Where the network's tensors are.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
