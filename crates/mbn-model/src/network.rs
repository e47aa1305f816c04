//! The network that trains.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var, bail};
use mbn_ops::{
    BatchStatistics, batch_norm_relu, batch_norm_relu_gradients, batch_norm_relu_with, batch_statistics,
};
use mbn_ops::{depthwise, depthwise_gradients, global_average_pool, global_average_pool_gradient};
use mbn_ops::{pointwise, pointwise_gradients, stem, stem_weight_gradient};
use mbn_spec::{Architecture, ConvLayer, LayerKind, Metadata, TensorKind, Weights};

use crate::parameters::{Parameter, conv3x3};
use crate::pass::{Gradients, Pass, Record};

/// Weight of a batch's statistics in the running ones, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// MobileNetV1 with trained parameters and running statistics.
pub struct Network {
    architecture: Architecture,
    device: Device,
    layers: Vec<Layer>,
    fc_weight: Parameter,
    fc_bias: Parameter,
}

struct Layer {
    spec: ConvLayer,
    weight: Parameter,
    gamma: Parameter,
    beta: Parameter,
    running: BatchStatistics,
    batches: i64,
}

impl Network {
    /// The network with the given weights.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn from_weights(weights: &Weights, device: &Device) -> Result<Self> {
        let architecture = *weights.architecture();
        let specs: BTreeMap<_, _> = architecture
            .tensors()
            .into_iter()
            .map(|spec| (spec.name.clone(), spec))
            .collect();
        let tensor = |name: &str| {
            let Some(spec) = specs.get(name) else {
                bail!("no tensor `{name}` in the network")
            };
            Tensor::from_slice(weights.values(name), spec.shape.as_slice(), device)
        };
        let parameter = |name: String, kind| {
            let var = Var::from_tensor(&tensor(&name)?)?;
            Ok::<_, candle_core::Error>(Parameter { name, kind, var })
        };
        let layer = |spec: ConvLayer| {
            let norm = spec.norm_name();
            Ok(Layer {
                weight: parameter(format!("{}.weight", spec.conv_name()), TensorKind::Weight)?,
                gamma: parameter(format!("{norm}.weight"), TensorKind::Bias)?,
                beta: parameter(format!("{norm}.bias"), TensorKind::Bias)?,
                running: BatchStatistics {
                    mean: tensor(&format!("{norm}.running_mean"))?,
                    variance: tensor(&format!("{norm}.running_var"))?,
                },
                batches: weights.counter(&format!("{norm}.num_batches_tracked")),
                spec,
            })
        };
        Ok(Self {
            architecture,
            device: device.clone(),
            layers: architecture
                .convs()
                .into_iter()
                .map(layer)
                .collect::<Result<_>>()?,
            fc_weight: parameter("fc.weight".into(), TensorKind::Weight)?,
            fc_bias: parameter("fc.bias".into(), TensorKind::Bias)?,
        })
    }

    /// The present weights, with the given metadata.
    ///
    /// # Errors
    /// If the values cannot be brought to the CPU or do not fit the metadata.
    pub fn to_weights(&self, metadata: Metadata) -> Result<Weights> {
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let mut floats = BTreeMap::new();
        let mut counters = BTreeMap::new();
        for parameter in self.parameters() {
            floats.insert(parameter.name.clone(), values(parameter.tensor())?);
        }
        for layer in &self.layers {
            let norm = layer.spec.norm_name();
            floats.insert(format!("{norm}.running_mean"), values(&layer.running.mean)?);
            floats.insert(format!("{norm}.running_var"), values(&layer.running.variance)?);
            counters.insert(format!("{norm}.num_batches_tracked"), layer.batches);
        }
        Weights::new(self.architecture, metadata, floats, counters).map_err(candle_core::Error::wrap)
    }

    /// All trained tensors, in the order of the weight file.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        let layers = self
            .layers
            .iter()
            .flat_map(|layer| [&layer.weight, &layer.gamma, &layer.beta]);
        layers.chain([&self.fc_weight, &self.fc_bias])
    }

    /// The network's description.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Where the network's tensors are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A pass over images `[N, 3, H, W]` in training mode: batch norm uses the batch's statistics, which enter
    /// the running ones.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn forward_train(&mut self, images: &Tensor) -> Result<Pass> {
        let mut records = Vec::with_capacity(self.layers.len());
        let mut x = images.detach();
        for layer in &mut self.layers {
            let (record, y) = layer.forward_train(x, &self.architecture)?;
            records.push(record);
            x = y;
        }
        let features = global_average_pool(&x)?;
        let logits = Var::from_tensor(&self.linear(&features)?.detach())?;
        Ok(Pass {
            logits,
            records,
            last: x,
            features,
        })
    }

    /// Gradients of `loss`, a scalar computed from `pass`'s logits, with respect to every parameter.
    ///
    /// The network is a chain, so each gradient is formed once and handed on; candle's own backward pass would
    /// add each to a tensor of zeros first, four more passes over memory.
    ///
    /// # Errors
    /// If `loss` does not depend on the logits.
    pub fn backward(&self, pass: Pass, loss: &Tensor) -> Result<Gradients> {
        let Pass {
            logits,
            mut records,
            last,
            features,
        } = pass;
        let of_loss = loss.backward()?;
        let Some(dlogits) = of_loss.get(&logits) else {
            bail!("the loss does not depend on the logits")
        };
        let mut gradients = Gradients::default();
        gradients.insert(&self.fc_weight, dlogits.t()?.matmul(&features)?);
        gradients.insert(&self.fc_bias, dlogits.sum(0)?);
        let dfeatures = dlogits.matmul(self.fc_weight.tensor())?.detach();
        let mut dy = global_average_pool_gradient(last.shape(), &dfeatures)?;
        drop(last);
        for layer in self.layers.iter().rev() {
            let Some(record) = records.pop() else {
                bail!("the pass is of another network")
            };
            dy = layer.backward(record, &dy, &self.architecture, &mut gradients)?;
        }
        Ok(gradients)
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]` with the running statistics; carries no gradient.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn forward_eval(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = images.detach();
        for layer in &self.layers {
            x = layer.forward_eval(&x, &self.architecture)?;
        }
        Ok(self.linear(&global_average_pool(&x)?)?.detach())
    }

    /// Sets every running statistic to that of the next batches: forgets what was measured so far.
    pub(crate) fn measure_statistics(&mut self, images: &Tensor) -> Result<()> {
        let mut x = images.detach();
        for layer in &mut self.layers {
            let raw = layer.convolve(&x, &self.architecture)?.detach();
            layer.running = layer.unbiased(&raw, &batch_statistics(&raw)?)?;
            layer.batches = 1;
            x = layer.norm_eval(&raw, &self.architecture)?;
        }
        Ok(())
    }

    fn linear(&self, features: &Tensor) -> Result<Tensor> {
        features
            .matmul(&self.fc_weight.tensor().t()?)?
            .broadcast_add(self.fc_bias.tensor())
    }
}

impl Layer {
    fn convolve(&self, x: &Tensor, architecture: &Architecture) -> Result<Tensor> {
        let weight = self.weight.tensor();
        match self.spec.kind {
            LayerKind::Stem => stem(x, weight, conv3x3(&self.spec, &architecture.variant)),
            LayerKind::Depthwise => depthwise(x, weight, conv3x3(&self.spec, &architecture.variant)),
            LayerKind::Pointwise => pointwise(x, weight),
        }
    }

    fn forward_train(&mut self, x: Tensor, architecture: &Architecture) -> Result<(Record, Tensor)> {
        let raw = self.convolve(&x, architecture)?.detach();
        let statistics = batch_statistics(&raw)?;
        let unbiased = self.unbiased(&raw, &statistics)?;
        let mix = |old: &Tensor, new: &Tensor| (old * (1.0 - MOMENTUM))? + (new * MOMENTUM)?;
        self.running = BatchStatistics {
            mean: mix(&self.running.mean, &unbiased.mean)?,
            variance: mix(&self.running.variance, &unbiased.variance)?,
        };
        self.batches += 1;
        let variant = &architecture.variant;
        let (epsilon, max) = (variant.batch_norm_epsilon, variant.activation.max());
        let (gamma, beta) = (self.gamma.tensor(), self.beta.tensor());
        let y = batch_norm_relu(&raw, gamma, beta, &statistics, epsilon, max)?.detach();
        Ok((Record { x, raw, statistics }, y))
    }

    /// The gradient of the layer's input, given that of its output; the stem's input, the image, needs none.
    fn backward(
        &self,
        record: Record,
        dy: &Tensor,
        architecture: &Architecture,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        let Record { x, raw, statistics } = record;
        let variant = &architecture.variant;
        let (epsilon, max) = (variant.batch_norm_epsilon, variant.activation.max());
        let (gamma, beta) = (self.gamma.tensor(), self.beta.tensor());
        let [draw, dgamma, dbeta] =
            batch_norm_relu_gradients(&raw, gamma, beta, &statistics, epsilon, max, dy)?;
        gradients.insert(&self.gamma, dgamma);
        gradients.insert(&self.beta, dbeta);
        let (weight, conv) = (self.weight.tensor(), conv3x3(&self.spec, variant));
        let (dx, dw) = match self.spec.kind {
            LayerKind::Stem => (draw.clone(), stem_weight_gradient(&x, weight, conv, &draw)?),
            LayerKind::Depthwise => depthwise_gradients(&x, weight, conv, &draw)?,
            LayerKind::Pointwise => pointwise_gradients(&x, weight, &draw)?,
        };
        gradients.insert(&self.weight, dw);
        Ok(dx)
    }

    fn forward_eval(&self, x: &Tensor, architecture: &Architecture) -> Result<Tensor> {
        self.norm_eval(&self.convolve(x, architecture)?.detach(), architecture)
    }

    fn norm_eval(&self, raw: &Tensor, architecture: &Architecture) -> Result<Tensor> {
        let variant = &architecture.variant;
        let (gamma, beta) = (self.gamma.tensor(), self.beta.tensor());
        let (epsilon, max) = (variant.batch_norm_epsilon, variant.activation.max());
        batch_norm_relu_with(raw, gamma, beta, &self.running, epsilon, max)
    }

    /// The running variance estimates the population's, so it is divided by one less.
    fn unbiased(&self, raw: &Tensor, statistics: &BatchStatistics) -> Result<BatchStatistics> {
        let count = (raw.elem_count() / self.spec.out_channels) as f64;
        let variance = (&statistics.variance * (count / (count - 1.0).max(1.0)))?;
        Ok(BatchStatistics {
            mean: statistics.mean.clone(),
            variance,
        })
    }
}
