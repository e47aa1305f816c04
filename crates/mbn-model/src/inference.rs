//! The network with batch norm folded into its convolutions.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor, bail};
use mbn_ops::{Conv3x3, FusedConv, FusedPointwise};
use mbn_ops::{global_average_pool_stored, linear, separable_fused, stem_fused};
use mbn_spec::{Architecture, LayerKind};
use mbn_weights::Folded;

use crate::buffers::Buffers;
use crate::parameters::conv3x3;

/// MobileNetV1 for inference: each convolution adds its bias and applies the activation as it writes, and a
/// depthwise convolution's result is not stored.
pub struct InferenceNetwork {
    architecture: Architecture,
    stem: (FusedConv, Conv3x3),
    blocks: Vec<Block>,
    fc_weight: Tensor,
    fc_bias: Tensor,
    device: Device,
    buffers: Mutex<Buffers>,
}

struct Block {
    depthwise: FusedConv,
    conv: Conv3x3,
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
            let geometry = conv3x3(&spec, &architecture.variant);
            match (spec.kind, waiting.take()) {
                (LayerKind::Stem, _) => stem = Some((fused, geometry)),
                (LayerKind::Pointwise, Some((depthwise, conv))) => blocks.push(Block {
                    depthwise,
                    conv,
                    pointwise: fused.into(),
                }),
                _ => waiting = Some((fused, geometry)),
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
        // Taken, so that a pass on another thread makes its own.
        let mut buffers = std::mem::take(&mut *self.buffers.lock().unwrap_or_else(PoisonError::into_inner));
        let features = self.features(&images.contiguous()?, &mut buffers)?;
        *self.buffers.lock().unwrap_or_else(PoisonError::into_inner) = buffers;
        linear(&features, &self.fc_weight, &self.fc_bias)
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
        let out_size =
            |conv: &Conv3x3, (h, w)| Ok::<_, candle_core::Error>((conv.out_size(h)?, conv.out_size(w)?));
        let (stem, conv) = &self.stem;
        let mut size = out_size(conv, (h, w))?;
        let mut x = buffer(stem.bias.elem_count(), size, None)?;
        stem_fused(images, stem, *conv, &x)?;
        let mut free = None;
        for Block {
            depthwise,
            conv,
            pointwise,
        } in &self.blocks
        {
            size = out_size(conv, size)?;
            let out = buffer(pointwise.channels(), size, free.take())?;
            separable_fused(&x, depthwise, *conv, pointwise, &out)?;
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
