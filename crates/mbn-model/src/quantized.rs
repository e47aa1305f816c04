//! A quantised network, computed exactly as engines that work on integers do.
//!
//! A sum of products of bytes is an integer below 2^24 (1024 input channels, bytes up to 255, weights up to 64), which
//! float32 holds exactly in whatever order it is added. So candle's float32 kernels compute the integers, and what is
//! rounded afterwards is rounded as ONNX's `QLinearConv` and ONNX Runtime do: `round_half_even((sum + bias) * (input scale *
//! weight scale / output scale))` in float32, saturated to a byte.

mod patches;
mod replace;
mod rounding;
mod values;

use candle_core::{Device, Result, Tensor, bail};
use mbn_ops::{BatchStatistics, LazyActivation, Normalization, depthwise, on_workers, pointwise, stem};
use mbn_spec::{Architecture, ConvLayer, LayerKind};
use mbn_weights::{ByteLayer, Quantized, QuantizedLayer, keeps_bytes};

use crate::parameters::conv3x3;
pub use replace::Bias;
use rounding::{Rounding, to_bytes};
pub use values::Values;

/// A quantised MobileNetV1 on the CPU.
pub struct QuantizedNetwork {
    weights: Quantized,
    convs: Vec<Conv>,
}

struct Conv {
    spec: ConvLayer,
    weight: Tensor,
    /// Passes on what it gets: values are not negative, and nothing is normalised.
    identity: Option<Normalization>,
}

/// What a convolution gives before its bias.
pub struct Sums {
    /// The convolution that they are of.
    layer: usize,
    /// `[N, H, W, C]`: sums of products of integers, or of floats if the layer stays float32.
    raw: Tensor,
    means: Vec<f32>,
}

impl Sums {
    /// The mean of each channel.
    pub fn means(&self) -> &[f32] {
        &self.means
    }

    /// Number of values of each channel.
    pub fn count(&self) -> usize {
        self.raw.elem_count() / self.means.len().max(1)
    }
}

impl QuantizedNetwork {
    /// The network with these weights.
    ///
    /// # Errors
    /// The weights contradict their architecture, or their sums could exceed what float32 holds exactly.
    pub fn new(weights: Quantized) -> Result<Self> {
        weights.validate().map_err(candle_core::Error::wrap)?;
        let convs = weights.architecture.convs().into_iter().zip(&weights.layers);
        let convs = convs
            .map(|(spec, layer)| Conv::new(spec, layer))
            .collect::<Result<_>>()?;
        Ok(Self { weights, convs })
    }

    /// The weights.
    pub fn weights(&self) -> &Quantized {
        &self.weights
    }

    /// The network's description.
    pub fn architecture(&self) -> &Architecture {
        &self.weights.architecture
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]`, normalised.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        on_workers(images.device(), || {
            let mut values = self.input(images)?;
            for layer in 0..self.convs.len() {
                let sums = self.convolve(layer, &values)?;
                values = self.finish(layer, sums)?;
            }
            self.classify(&self.features(&values)?)
        })
    }

    /// What the first convolution reads: images `[N, 3, H, W]`, normalised.
    ///
    /// # Errors
    /// If the images have another shape.
    pub fn input(&self, images: &Tensor) -> Result<Values> {
        let (n, c, h, w) = images.dims4()?;
        let floats = images.flatten_all()?.to_vec1::<f32>()?;
        match &self.weights.layers[0] {
            QuantizedLayer::Float(_) => Ok(Values::floats(floats, [n, c, h, w])),
            QuantizedLayer::Bytes(_) => {
                let input = self.weights.input;
                Ok(Values::bytes(to_bytes(&floats, input), [n, c, h, w], input))
            }
        }
    }

    /// A convolution without its bias.
    ///
    /// # Errors
    /// There is no such layer, or the values do not fit.
    pub fn convolve(&self, layer: usize, input: &Values) -> Result<Sums> {
        let Some(conv) = self.convs.get(layer) else {
            bail!("there is no convolution {layer}")
        };
        // A layer on bytes sums integers; one on floats, what they stand for.
        let x = match &self.weights.layers[layer] {
            QuantizedLayer::Bytes(_) => input.steps()?,
            QuantizedLayer::Float(_) => input.to_floats()?,
        };
        let variant = &self.weights.architecture.variant;
        let (n, h, w) = match conv.spec.kind {
            LayerKind::Stem => (x.dims4()?.0, x.dims4()?.2, x.dims4()?.3),
            _ => (x.dims4()?.0, x.dims4()?.1, x.dims4()?.2),
        };
        let channels = conv.spec.out_channels;
        let (mut out_h, mut out_w) = (h, w);
        let geometry = match conv.spec.kind {
            LayerKind::Pointwise => None,
            _ => {
                let geometry = conv3x3(&conv.spec, variant, [h, w])?;
                (out_h, out_w) = (geometry.out_size(h)?, geometry.out_size(w)?);
                Some(geometry)
            }
        };
        let out = Tensor::zeros((n, out_h, out_w, channels), candle_core::DType::F32, &Device::Cpu)?;
        let statistics: BatchStatistics = match (conv.spec.kind, geometry, &conv.identity) {
            (LayerKind::Stem, Some(geometry), _) => stem(&x, &conv.weight, geometry, &out)?,
            (kind, geometry, Some(normalization)) => {
                let lazy = LazyActivation {
                    raw: &x,
                    normalization,
                };
                match (kind, geometry) {
                    (LayerKind::Depthwise, Some(geometry)) => depthwise(lazy, &conv.weight, geometry, &out)?,
                    _ => pointwise(lazy, &conv.weight, &out)?,
                }
            }
            _ => bail!("layer {layer} has no input"),
        };
        Ok(Sums {
            layer,
            means: statistics.mean.to_vec1()?,
            raw: out,
        })
    }

    /// Adds the bias, and applies the activation: as bytes, that is rounding and saturation.
    ///
    /// # Errors
    /// There is no such layer, or the sums are of another one.
    pub fn finish(&self, layer: usize, sums: Sums) -> Result<Values> {
        let architecture = &self.weights.architecture;
        let Some(conv) = self.convs.get(layer) else {
            bail!("there is no convolution {layer}")
        };
        if sums.layer != layer {
            bail!("the sums are of convolution {}, expected {layer}", sums.layer)
        }
        let (n, h, w, c) = sums.raw.dims4()?;
        // Of another network.
        if c != conv.spec.out_channels {
            bail!(
                "the sums have {c} channels, expected {} of convolution {layer}",
                conv.spec.out_channels
            )
        }
        let shape = [n, h, w, c];
        let raw = sums.raw.flatten_all()?.to_vec1::<f32>()?;
        let bytes = keeps_bytes(architecture, self.weights.float_layers(), layer);
        let out = mbn_weights::ByteScale {
            scale: self.weights.scales[layer],
            zero_point: 0,
        };
        match &self.weights.layers[layer] {
            QuantizedLayer::Bytes(own) => {
                let rounding = Rounding::new(own, self.weights.scale_before(layer), out.scale);
                Ok(Values::bytes(rounding.apply(&raw), shape, out))
            }
            QuantizedLayer::Float(conv) => {
                let max = architecture.variant.activation.max();
                let floats = rounding::activate(raw, &conv.bias, max);
                match bytes {
                    true => Ok(Values::bytes(to_bytes(&floats, out), shape, out)),
                    false => Ok(Values::floats(floats, shape)),
                }
            }
        }
    }

    /// Means over rows and columns, `[N, C]`.
    ///
    /// # Errors
    /// If the values have another shape.
    pub fn features(&self, values: &Values) -> Result<Tensor> {
        mbn_ops::global_average_pool_stored(&values.to_floats()?)
    }

    /// Logits `[N, classes]` of features `[N, C]`.
    ///
    /// # Errors
    /// If the features have another shape.
    pub fn classify(&self, features: &Tensor) -> Result<Tensor> {
        let (n, c) = features.dims2()?;
        if c != self.weights.architecture.features() {
            bail!(
                "there are {c} features, expected {}",
                self.weights.architecture.features()
            )
        }
        let (classes, device) = (self.weights.architecture.classes, features.device());
        match self.weights.layers.last() {
            Some(QuantizedLayer::Float(conv)) => {
                let weight = Tensor::from_slice(&conv.weight, (classes, c), device)?;
                mbn_ops::linear(
                    features,
                    &weight,
                    &Tensor::from_slice(&conv.bias, classes, device)?,
                )
            }
            Some(QuantizedLayer::Bytes(own)) => {
                let scale = mbn_weights::ByteScale {
                    scale: self.weights.features,
                    zero_point: 0,
                };
                let bytes = to_bytes(&features.flatten_all()?.to_vec1::<f32>()?, scale);
                let rows = bytes
                    .chunks_exact(c.max(1))
                    .flat_map(|row| product(row, own, scale.scale));
                Tensor::from_vec(rows.collect::<Vec<f32>>(), (n, classes), device)
            }
            None => bail!("the network has no classifier"),
        }
    }
}

/// The classifier on bytes: integer sums, scaled to float32 once.
fn product<'a>(row: &'a [u8], own: &'a ByteLayer, scale: f32) -> impl Iterator<Item = f32> + 'a {
    let filters = own.weight.chunks_exact(row.len().max(1));
    filters
        .zip(&own.bias)
        .zip(&own.scales)
        .map(move |((filter, bias), weight_scale)| {
            let products = row.iter().zip(filter).map(|(&x, &w)| i32::from(x) * i32::from(w));
            products.sum::<i32>().saturating_add(*bias) as f32 * (scale * weight_scale)
        })
}

impl Conv {
    fn new(spec: ConvLayer, layer: &QuantizedLayer) -> Result<Self> {
        let shape = spec.weight_shape();
        let weight = match layer {
            QuantizedLayer::Float(conv) => Tensor::from_slice(&conv.weight, shape.as_slice(), &Device::Cpu)?,
            QuantizedLayer::Bytes(bytes) => integers(bytes, &spec)?,
        };
        let identity = match spec.kind {
            LayerKind::Stem => None,
            _ => Some(identity(spec.in_channels)?),
        };
        Ok(Self {
            spec,
            weight,
            identity,
        })
    }
}

/// The integers of a layer as floats.
fn integers(layer: &ByteLayer, spec: &ConvLayer) -> Result<Tensor> {
    let steps: Vec<f32> = layer.weight.iter().map(|&weight| f32::from(weight)).collect();
    Tensor::from_vec(steps, spec.weight_shape().as_slice(), &Device::Cpu)
}

/// A batch norm and activation that leave values of at least 0 as they are.
fn identity(channels: usize) -> Result<Normalization> {
    let constant = |value: f32| Tensor::full(value, channels, &Device::Cpu);
    let statistics = BatchStatistics {
        mean: constant(0.0)?,
        variance: constant(1.0)?,
    };
    Normalization::new(&statistics, &constant(1.0)?, &constant(0.0)?, 0.0, f32::INFINITY)
}

#[cfg(test)]
mod tests;
