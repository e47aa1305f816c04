//! The network from a state dict and back.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor, Var, bail};
use mbn_ops::BatchStatistics;
use mbn_spec::{ConvLayer, Metadata, TensorKind};
use mbn_weights::Weights;

use super::{ActivationType, Network};
use crate::buffers::Buffers;
use crate::layer::Layer;
use crate::parameters::Parameter;

impl Network {
    /// The network with the given weights, in float32.
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
            activation_type: ActivationType::default(),
            frozen: 0,
            has_fixed_statistics: false,
            buffers: Buffers::default(),
            profile: None,
        })
    }

    /// The present weights, with the given metadata.
    ///
    /// # Errors
    /// If the values cannot be brought to the CPU or do not fit the metadata.
    pub fn to_weights(&self, metadata: Metadata) -> Result<Weights> {
        let values = |(name, tensor): (String, &Tensor)| Ok((name, tensor.flatten_all()?.to_vec1::<f32>()?));
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
}
