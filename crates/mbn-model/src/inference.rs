//! The network with batch norm folded into its convolutions.

use candle_core::{Device, Result, Tensor};
use mbn_ops::{Epilogue, depthwise_fused, global_average_pool, pointwise_fused, stem_fused};
use mbn_spec::{Architecture, ConvLayer, Folded, LayerKind};

use crate::parameters::conv3x3;

/// MobileNetV1 for inference: each convolution adds its bias and applies the activation as it writes.
pub struct InferenceNetwork {
    architecture: Architecture,
    layers: Vec<Layer>,
    fc_weight: Tensor,
    fc_bias: Tensor,
    device: Device,
}

struct Layer {
    spec: ConvLayer,
    weight: Tensor,
    epilogue: Epilogue,
}

impl InferenceNetwork {
    /// The network with the given weights on the given device.
    ///
    /// # Errors
    /// If a tensor has another length than the architecture says, or the device cannot hold it.
    pub fn new(folded: &Folded, device: &Device) -> Result<Self> {
        let architecture = folded.architecture;
        let layer = |(spec, conv): (ConvLayer, &mbn_spec::FoldedConv)| {
            let weight = Tensor::from_slice(&conv.weight, spec.weight_shape().as_slice(), device)?;
            let bias = Tensor::from_slice(&conv.bias, spec.out_channels, device)?;
            let epilogue = Epilogue {
                bias,
                max: architecture.variant.activation.max(),
            };
            Ok(Layer {
                spec,
                weight,
                epilogue,
            })
        };
        let (classes, features) = (architecture.classes, architecture.features());
        Ok(Self {
            layers: architecture
                .convs()
                .into_iter()
                .zip(&folded.convs)
                .map(layer)
                .collect::<Result<_>>()?,
            fc_weight: Tensor::from_slice(&folded.fc_weight, (classes, features), device)?
                .t()?
                .contiguous()?,
            fc_bias: Tensor::from_slice(&folded.fc_bias, classes, device)?,
            architecture,
            device: device.clone(),
        })
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]`.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = images.clone();
        for Layer {
            spec,
            weight,
            epilogue,
        } in &self.layers
        {
            let conv = conv3x3(spec, &self.architecture.variant);
            x = match spec.kind {
                LayerKind::Stem => stem_fused(&x, weight, conv, epilogue)?,
                LayerKind::Depthwise => depthwise_fused(&x, weight, conv, epilogue)?,
                LayerKind::Pointwise => pointwise_fused(&x, weight, epilogue)?,
            };
        }
        global_average_pool(&x)?
            .matmul(&self.fc_weight)?
            .broadcast_add(&self.fc_bias)
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
