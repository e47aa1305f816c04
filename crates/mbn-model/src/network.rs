//! The network that trains.

use std::collections::BTreeMap;
use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use mbn_ops::{BatchStatistics, Upstream, global_average_pool, global_average_pool_backward};
use mbn_ops::{linear, linear_backward};
use mbn_spec::{Architecture, ConvLayer, Metadata, TensorKind};
use mbn_weights::Weights;

use crate::buffers::Buffers;
use crate::layer::{Input, Layer, Mode};
use crate::parameters::Parameter;
use crate::pass::{Gradients, Pass, Record};
use crate::profile::{Phase, Profile};

/// MobileNetV1 with trained parameters and running statistics.
pub struct Network {
    architecture: Architecture,
    device: Device,
    layers: Vec<Layer>,
    fc_weight: Parameter,
    fc_bias: Parameter,
    precision: DType,
    /// Blocks at the beginning that do not train, the stem being the first.
    frozen: usize,
    buffers: Buffers,
    profile: Option<Profile>,
}

impl Network {
    /// The network with the given weights, in float32.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn from_weights(weights: &Weights, device: &Device) -> Result<Self> {
        Self::from_weights_as(weights, device, DType::F32)
    }

    /// The network with the given weights, all in float64: parameters, statistics, activations, gradients, and what
    /// an optimiser remembers of these. It takes images in float64. Slow, and on the CPU alone: for measuring what
    /// rounding does to the others.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn in_double_precision(weights: &Weights, device: &Device) -> Result<Self> {
        Self::from_weights_as(weights, device, DType::F64)
    }

    fn from_weights_as(weights: &Weights, device: &Device, dtype: DType) -> Result<Self> {
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
            Tensor::from_slice(weights.values(name), spec.shape.as_slice(), device)?.to_dtype(dtype)
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
                variant: architecture.variant,
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
            precision: dtype,
            frozen: 0,
            buffers: Buffers::default(),
            profile: None,
        })
    }

    /// Keeps activations and their gradients in `precision`, float32 (as at first) or bfloat16. Parameters, sums
    /// and statistics are float32 all the same. Not for a network in float64, whose passes then fail.
    pub fn set_precision(&mut self, precision: DType) {
        self.precision = precision;
        self.buffers = Buffers::default();
    }

    /// Freezes the first `blocks` blocks, the stem being the first: their batch norm uses the running statistics and
    /// leaves them as they are, and they get no gradients. All 14 leave the classifier alone to be trained.
    pub fn freeze(&mut self, blocks: usize) {
        self.frozen = blocks;
    }

    /// Measures the time of each layer from now on.
    pub fn start_profile(&mut self) {
        self.profile = Some(Profile::default());
    }

    /// What was measured since [`Self::start_profile`].
    pub fn take_profile(&mut self) -> Profile {
        self.profile.take().unwrap_or_default()
    }

    /// Runs `work` of a layer, and measures it if that is wanted.
    fn timed<R>(
        &mut self,
        phase: Phase,
        layer: usize,
        work: impl FnOnce(&mut Layer) -> Result<R>,
    ) -> Result<R> {
        let Some(profile) = &mut self.profile else {
            return work(&mut self.layers[layer]);
        };
        let start = Instant::now();
        let result = work(&mut self.layers[layer])?;
        self.device.synchronize()?;
        profile.add(phase, layer, start.elapsed());
        Ok(result)
    }

    /// The present weights, rounded to float32 if they are float64, with the given metadata.
    ///
    /// # Errors
    /// If the values cannot be brought to the CPU or do not fit the metadata.
    pub fn to_weights(&self, metadata: Metadata) -> Result<Weights> {
        let values = |(name, tensor): (String, &Tensor)| {
            Ok((
                name,
                tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?,
            ))
        };
        self.with_floats(metadata, self.tensors().map(values).collect::<Result<_>>()?)
    }

    /// A state dict of `floats` and of this network's counters.
    pub(crate) fn with_floats(
        &self,
        metadata: Metadata,
        floats: BTreeMap<String, Vec<f32>>,
    ) -> Result<Weights> {
        let counter = |layer: &Layer| {
            let name = format!("{}.num_batches_tracked", layer.spec.norm_name());
            (name, layer.batches)
        };
        let counters = self.layers.iter().map(counter).collect();
        Weights::new(self.architecture, metadata, floats, counters).map_err(candle_core::Error::wrap)
    }

    /// All tensors of floats with their names: parameters and running statistics.
    pub fn tensors(&self) -> impl Iterator<Item = (String, &Tensor)> {
        let parameters = self
            .parameters()
            .map(|parameter| (parameter.name.clone(), parameter.tensor()));
        let statistics = self.layers.iter().flat_map(|layer| {
            let norm = layer.spec.norm_name();
            [
                (format!("{norm}.running_mean"), &layer.running.mean),
                (format!("{norm}.running_var"), &layer.running.variance),
            ]
        });
        parameters.chain(statistics)
    }

    /// All trained tensors, in the order of the weight file.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        let layers = self
            .layers
            .iter()
            .flat_map(|layer| [&layer.weight, &layer.gamma, &layer.beta]);
        layers.chain([&self.fc_weight, &self.fc_bias])
    }

    /// The parameters that are not frozen: those that get gradients.
    pub fn trainable_parameters(&self) -> impl Iterator<Item = &Parameter> {
        // A layer has three: its weight, and batch norm's scale and shift.
        self.parameters().skip(3 * self.first_trainable())
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
        let images = images.detach().contiguous()?;
        let records = self.convolutions(&images, Mode::Train)?;
        let features = self.pool(&records)?;
        let logits = Var::from_tensor(&self.linear(&features)?.detach())?;
        Ok(Pass {
            images,
            records,
            features,
            logits,
        })
    }

    /// Gradients of `loss`, a scalar computed from `pass`'s logits, with respect to every parameter that is not frozen.
    ///
    /// The network is a chain, so each gradient is formed once and handed on; candle's own backward pass would
    /// add each to a tensor of zeros first, four more passes over memory.
    ///
    /// # Errors
    /// If `loss` does not depend on the logits, or the pass is another network's.
    pub fn backward(&mut self, pass: Pass, loss: &Tensor) -> Result<Gradients> {
        let Pass {
            images,
            mut records,
            features,
            logits,
        } = pass;
        let of_loss = loss.backward()?;
        let Some(dlogits) = of_loss.get(&logits) else {
            bail!("the loss does not depend on the logits")
        };
        let mut gradients = Gradients::default();
        let before = linear_backward(
            &dlogits.contiguous()?,
            &features,
            &self.fc_weight.tensor().detach(),
        )?;
        gradients.insert(&self.fc_weight, before.weight);
        gradients.insert(&self.fc_bias, before.bias);

        let first = self.first_trainable();
        if first == self.layers.len() {
            self.give_back(records);
            return Ok(gradients);
        }
        let Some(mut record) = records.pop() else {
            bail!("the network has no layers")
        };
        let mut gradient = self.buffer_like(&record)?;
        let mut parameters = global_average_pool_backward(&before.features, record.activation(), &gradient)?;
        for i in (first..self.layers.len()).rev() {
            let below = records.pop();
            let out = below.as_ref().map(|below| self.buffer_like(below)).transpose()?;
            let input = match &below {
                Some(below) => Input::Activation(below.activation()),
                None => Input::Image(&images),
            };
            let upstream = Upstream {
                activation: record.activation(),
                gradient: &gradient,
                parameters: &parameters,
            };
            let before = self.timed(Phase::Backward, i, |layer| {
                layer.backward(input, upstream, out.as_ref(), &mut gradients)
            })?;
            self.buffers.give(gradient);
            self.buffers.give(record.raw);
            let (Some(below), Some(out), Some(before)) = (below, out, before) else {
                break;
            };
            if i == first {
                self.buffers.give(out);
                self.buffers.give(below.raw);
                break;
            }
            (record, gradient, parameters) = (below, out, before);
        }
        self.give_back(records);
        Ok(gradients)
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]` with the running statistics; carries no gradient.
    ///
    /// # Errors
    /// If the images have another shape or are too small.
    pub fn forward_eval(&mut self, images: &Tensor) -> Result<Tensor> {
        let records = self.convolutions(&images.detach().contiguous()?, Mode::Evaluate)?;
        let features = self.pool(&records)?;
        self.give_back(records);
        Ok(self.linear(&features)?.detach())
    }

    /// Sets every running statistic to that of the next batches: forgets what was measured so far.
    pub(crate) fn measure_statistics(&mut self, images: &Tensor) -> Result<()> {
        let records = self.convolutions(images, Mode::Measure)?;
        self.give_back(records);
        Ok(())
    }

    fn convolutions(&mut self, images: &Tensor, mode: Mode) -> Result<Vec<Record>> {
        self.buffers.prepare(images);
        let mut records: Vec<Record> = Vec::with_capacity(self.layers.len());
        for i in 0..self.layers.len() {
            let input = match records.last() {
                Some(below) => Input::Activation(below.activation()),
                None => Input::Image(images),
            };
            let shape = self.layers[i].out_shape(input)?;
            let out = self.buffers.take(shape, self.precision, &self.device)?;
            let mode = match mode {
                Mode::Train if i < self.first_trainable() => Mode::Evaluate,
                mode => mode,
            };
            let record = self.timed(Phase::Forward, i, |layer| layer.forward(input, out, mode))?;
            records.push(record);
        }
        Ok(records)
    }

    /// Index of the first layer that is not frozen.
    fn first_trainable(&self) -> usize {
        let frozen = |layer: &&Layer| layer.spec.block < self.frozen;
        self.layers.iter().take_while(frozen).count()
    }

    fn pool(&self, records: &[Record]) -> Result<Tensor> {
        match records.last() {
            Some(last) => global_average_pool(last.activation()),
            None => bail!("the network has no layers"),
        }
    }

    fn buffer_like(&mut self, record: &Record) -> Result<Tensor> {
        let shape = record.raw.shape().clone();
        self.buffers.take(shape, self.precision, &self.device)
    }

    fn give_back(&mut self, records: Vec<Record>) {
        records
            .into_iter()
            .for_each(|record| self.buffers.give(record.raw));
    }

    fn linear(&self, features: &Tensor) -> Result<Tensor> {
        linear(features, self.fc_weight.tensor(), self.fc_bias.tensor())
    }
}
