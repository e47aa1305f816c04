//! The weights of a network that computes on bytes.

use mbn_spec::{Architecture, LARGEST_WEIGHT, LayerSet};

use crate::{Folded, FoldedConv};

/// How bytes stand for values: `value = scale * (byte - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByteScale {
    /// Value of one step.
    pub scale: f32,
    /// The byte that stands for 0.
    pub zero_point: u8,
}

/// A layer of signed bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct ByteLayer {
    /// In the layout of the float weights, `[out, in / groups, kernel, kernel]`; magnitudes are at most
    /// [`LARGEST_WEIGHT`].
    pub weight: Vec<i8>,
    /// `[out]`: what one step of each output channel's weights stands for.
    pub scales: Vec<f32>,
    /// `[out]`, in steps of the input's scale times the channel's.
    pub bias: Vec<i32>,
}

/// A layer of a quantised network.
#[derive(Clone, Debug, PartialEq)]
pub enum QuantizedLayer {
    /// It stays float32.
    Float(FoldedConv),
    /// Its products are of bytes.
    Bytes(ByteLayer),
}

/// A network with its batch norm folded and some layers, mostly all, on bytes.
///
/// The value after a convolution and its activation is kept as bytes where that convolution or the next one computes on
/// bytes; zero is its zero point, so that storing it is the activation.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// The network.
    pub architecture: Architecture,
    /// The normalised image.
    pub input: ByteScale,
    /// The convolutions in running order, then the classifier.
    pub layers: Vec<QuantizedLayer>,
    /// What a byte after each convolution stands for.
    pub scales: Vec<f32>,
    /// What a byte of the pooled features stands for.
    pub features: f32,
}

/// Quantised weights that contradict their architecture or the bounds of their type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantizedError {
    /// A tensor has another number of elements.
    #[error("layer {layer} does not have the architecture's shape")]
    Shape {
        /// The layer.
        layer: usize,
    },
    /// A weight with which sums may saturate.
    #[error(
        "layer {layer} has the weight {weight}, with which sums of two products may saturate (largest {LARGEST_WEIGHT})"
    )]
    Weight {
        /// The layer.
        layer: usize,
        /// Its first weight that is too large.
        weight: i8,
    },
    /// A scale that is not a positive number.
    #[error("layer {layer} has a scale that is not a positive number")]
    Scale {
        /// The layer.
        layer: usize,
    },
}

impl Quantized {
    /// The layers that stay float32.
    pub fn float_layers(&self) -> LayerSet {
        let layers = self.layers.iter().enumerate();
        layers
            .filter(|(_, layer)| matches!(layer, QuantizedLayer::Float(_)))
            .map(|(i, _)| i)
            .collect()
    }

    /// What one step of a layer's input stands for.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn scale_before(&self, layer: usize) -> f32 {
        match layer.checked_sub(1) {
            None => self.input.scale,
            Some(before) if before + 1 == self.scales.len() => self.features,
            Some(before) => self.scales[before],
        }
    }

    /// What the weights stand for.
    pub fn to_floats(&self) -> Folded {
        let floats = |(i, layer): (usize, &QuantizedLayer)| match layer {
            QuantizedLayer::Float(conv) => conv.clone(),
            QuantizedLayer::Bytes(bytes) => {
                let len = (bytes.weight.len() / bytes.scales.len().max(1)).max(1);
                let filters = bytes.weight.chunks_exact(len).zip(&bytes.scales);
                let biases = bytes.bias.iter().zip(&bytes.scales);
                FoldedConv {
                    weight: filters
                        .flat_map(|(filter, scale)| {
                            filter.iter().map(move |weight| f32::from(*weight) * scale)
                        })
                        .collect(),
                    bias: biases
                        .map(|(bias, scale)| *bias as f32 * (self.scale_before(i) * scale))
                        .collect(),
                }
            }
        };
        let mut convs: Vec<FoldedConv> = self.layers.iter().enumerate().map(floats).collect();
        let classifier = convs.pop();
        let (fc_weight, fc_bias) = classifier
            .map(|conv| (conv.weight, conv.bias))
            .unwrap_or_default();
        Folded {
            architecture: self.architecture,
            convs,
            fc_weight,
            fc_bias,
        }
    }

    /// Refuses weights that contradict the architecture, scales that are none, and weights with which sums of two products
    /// may saturate on some processors.
    ///
    /// # Errors
    /// [`QuantizedError`] for the first problem found.
    pub fn validate(&self) -> Result<(), QuantizedError> {
        let convs = self.architecture.convs();
        let (classes, features) = (self.architecture.classes, self.architecture.features());
        let mut shapes: Vec<(usize, usize)> = convs
            .iter()
            .map(|conv| (conv.weight_shape().iter().product(), conv.out_channels))
            .collect();
        shapes.push((classes * features, classes));
        let sound = |scale: &f32| scale.is_finite() && *scale > 0.0;
        if self.layers.len() != shapes.len() || self.scales.len() != convs.len() {
            return Err(QuantizedError::Shape {
                layer: self.layers.len(),
            });
        }
        for (layer, (weights, (len, channels))) in self.layers.iter().zip(shapes).enumerate() {
            let (found, biases) = match weights {
                QuantizedLayer::Float(conv) => (conv.weight.len(), conv.bias.len()),
                QuantizedLayer::Bytes(bytes) => (bytes.weight.len(), bytes.bias.len()),
            };
            if (found, biases) != (len, channels) {
                return Err(QuantizedError::Shape { layer });
            }
            if let QuantizedLayer::Bytes(bytes) = weights {
                if bytes.scales.len() != channels {
                    return Err(QuantizedError::Shape { layer });
                }
                if !bytes.scales.iter().all(sound) {
                    return Err(QuantizedError::Scale { layer });
                }
                let bound = LARGEST_WEIGHT.unsigned_abs();
                if let Some(&weight) = bytes.weight.iter().find(|weight| weight.unsigned_abs() > bound) {
                    return Err(QuantizedError::Weight { layer, weight });
                }
            }
        }
        let scales = self.scales.iter().chain([&self.features, &self.input.scale]);
        match scales.into_iter().position(|scale| !sound(scale)) {
            None => Ok(()),
            Some(layer) => Err(QuantizedError::Scale { layer }),
        }
    }
}

/// Whether the value after convolution `i` is kept as bytes, where the layers in `float` stay float32.
pub fn keeps_bytes(architecture: &Architecture, float: LayerSet, i: usize) -> bool {
    let last = architecture.convs().len() - 1;
    // Pooling reads floats.
    !float.contains(i) || (i < last && !float.contains(i + 1))
}

/// The layers in `float`, and with every one that would stand alone between bytes the other layer of its block.
///
/// ONNX Runtime takes a convolution between `DequantizeLinear` and `QuantizeLinear` for one that is to be quantised, and rounds its
/// float weights to 8 bits itself, one scale for all channels. Two float layers in a row it leaves alone.
pub fn without_lonely(architecture: &Architecture, float: LayerSet) -> LayerSet {
    let last = architecture.convs().len() - 1;
    // The first layer reads the image, and pooling reads floats after the last one.
    let lonely = (1..last).filter(|&i| float.contains(i) && !float.contains(i - 1) && !float.contains(i + 1));
    // A block is a depthwise convolution, which has an odd number, and the pointwise one after it.
    lonely.fold(float, |all, i| all.with(if i % 2 == 1 { i + 1 } else { i - 1 }))
}

#[cfg(test)]
mod tests;
