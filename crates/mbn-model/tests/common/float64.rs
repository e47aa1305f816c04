//! The network and its optimisers in float64, by plain loops: what PyTorch's answers and the network in float32 are
//! compared with.

mod optimizer;

use std::collections::BTreeMap;

use mbn_spec::{Architecture, ConvLayer, LayerKind, TensorKind};
use mbn_testing::float64::{self, Convolution, Layer, Statistics, Window, widen};
use mbn_weights::Weights;

pub use optimizer::Optimizer;

/// Weight of a batch's statistics in the running ones, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// Parameters and running statistics by PyTorch's names.
pub struct Network {
    pub tensors: BTreeMap<String, Vec<f64>>,
    architecture: Architecture,
}

/// Pictures `[N, 3, size, size]` and their classes.
pub struct Batch {
    pub images: Vec<f64>,
    pub size: usize,
    pub labels: Vec<usize>,
}

/// What a pass in training mode gives.
pub struct Step {
    pub logits: Vec<f64>,
    pub loss: f64,
    pub gradients: BTreeMap<String, Vec<f64>>,
}

/// What a layer leaves for the backward pass.
struct Record {
    convolution: Convolution,
    input: Vec<f64>,
    raw: Vec<f64>,
    layer: Layer,
}

impl Network {
    pub fn new(weights: &Weights) -> Self {
        let architecture = *weights.architecture();
        let specs = architecture.tensors().into_iter();
        let floats = specs.filter(|spec| spec.kind != TensorKind::Counter);
        let tensor = |name: String| {
            let values = widen(weights.values(&name));
            (name, values)
        };
        Self {
            tensors: floats.map(|spec| tensor(spec.name)).collect(),
            architecture,
        }
    }

    /// Names of the trained tensors, in the order of the weight file.
    pub fn parameters(&self) -> Vec<String> {
        let of_layer = |layer: ConvLayer| {
            let norm = layer.norm_name();
            [
                format!("{}.weight", layer.conv_name()),
                format!("{norm}.weight"),
                format!("{norm}.bias"),
            ]
        };
        let layers = self.architecture.convs().into_iter().flat_map(of_layer);
        layers
            .chain(["fc.weight".to_owned(), "fc.bias".to_owned()])
            .collect()
    }

    /// Logits with the running statistics.
    pub fn evaluate(&self, images: &[f64], size: usize) -> Vec<f64> {
        let statistics = |spec: &ConvLayer, _: &[f64]| self.running(spec);
        let records = self.convolutions(images, size, statistics);
        self.logits(&self.features(&records))
    }

    /// Logits, loss and gradients with the batch's statistics, which enter the running ones.
    pub fn train(&mut self, batch: &Batch, smoothing: f64) -> Step {
        let of_batch = |spec: &ConvLayer, raw: &[f64]| float64::statistics(raw, spec.out_channels);
        let records = self.convolutions(&batch.images, batch.size, of_batch);
        for (spec, record) in self.architecture.convs().iter().zip(&records) {
            self.remember(spec, &record.raw);
        }
        let features = self.features(&records);
        let logits = self.logits(&features);
        let (loss, of_logits) = float64::cross_entropy(&logits, &batch.labels, smoothing);
        Step {
            logits,
            loss,
            gradients: self.gradients(&records, &features, &of_logits),
        }
    }

    /// The loss alone, with the batch's statistics; the running ones stay.
    pub fn loss(&self, batch: &Batch, smoothing: f64) -> f64 {
        let of_batch = |spec: &ConvLayer, raw: &[f64]| float64::statistics(raw, spec.out_channels);
        let records = self.convolutions(&batch.images, batch.size, of_batch);
        let logits = self.logits(&self.features(&records));
        float64::cross_entropy(&logits, &batch.labels, smoothing).0
    }

    fn tensor(&self, name: &str) -> &[f64] {
        &self.tensors[name]
    }

    fn running(&self, spec: &ConvLayer) -> Statistics {
        let norm = spec.norm_name();
        Statistics {
            mean: self.tensors[&format!("{norm}.running_mean")].clone(),
            variance: self.tensors[&format!("{norm}.running_var")].clone(),
        }
    }

    /// Moves the running statistics to those of `raw`, with the unbiased variance.
    fn remember(&mut self, spec: &ConvLayer, raw: &[f64]) {
        let batch = float64::statistics(raw, spec.out_channels);
        let count = (raw.len() / spec.out_channels) as f64;
        let unbiased = count / (count - 1.0).max(1.0);
        let norm = spec.norm_name();
        for (name, values, factor) in [
            ("running_mean", batch.mean, 1.0),
            ("running_var", batch.variance, unbiased),
        ] {
            let running = self.tensors.get_mut(&format!("{norm}.{name}")).unwrap();
            for (running, value) in running.iter_mut().zip(values) {
                *running = *running * (1.0 - MOMENTUM) + value * factor * MOMENTUM;
            }
        }
    }

    fn convolutions(
        &self,
        images: &[f64],
        size: usize,
        statistics: impl Fn(&ConvLayer, &[f64]) -> Statistics,
    ) -> Vec<Record> {
        let variant = self.architecture.variant;
        let (mut input, mut size) = (images.to_vec(), [size, size]);
        let mut records = Vec::new();
        for spec in self.architecture.convs() {
            let padding = spec.padding(&variant, size[0]);
            let window = Window {
                stride: spec.stride,
                pad_begin: padding.begin,
                pad_end: padding.end,
            };
            let out_channels = spec.out_channels;
            let convolution = match spec.kind {
                LayerKind::Stem => Convolution::Stem {
                    window,
                    size,
                    out_channels,
                },
                LayerKind::Pointwise => Convolution::Pointwise {
                    size,
                    in_channels: spec.in_channels,
                    out_channels,
                },
                _ => Convolution::Depthwise {
                    window,
                    size,
                    channels: out_channels,
                },
            };
            let raw = convolution.forward(&input, self.tensor(&format!("{}.weight", spec.conv_name())));
            let norm = spec.norm_name();
            let layer = Layer::new(
                &statistics(&spec, &raw),
                self.tensor(&format!("{norm}.weight")),
                self.tensor(&format!("{norm}.bias")),
                variant.batch_norm_epsilon,
                variant.activation.max().into(),
            );
            size = convolution.out_size();
            let activated = layer.forward(&raw);
            records.push(Record {
                convolution,
                input: std::mem::replace(&mut input, activated),
                raw,
                layer,
            });
        }
        records
    }

    fn features(&self, records: &[Record]) -> Vec<f64> {
        let last = records.last().unwrap();
        let pixels = last.convolution.out_size().iter().product();
        let channels = last.convolution.out_channels();
        float64::pool(&last.layer.forward(&last.raw), pixels, channels)
    }

    fn logits(&self, features: &[f64]) -> Vec<f64> {
        let (weight, bias) = (self.tensor("fc.weight"), self.tensor("fc.bias"));
        let channels = weight.len() / bias.len();
        let of_image = |image: &[f64]| -> Vec<f64> {
            let rows = weight.chunks_exact(channels).zip(bias);
            rows.map(|(row, bias)| row.iter().zip(image).map(|(w, x)| w * x).sum::<f64>() + bias)
                .collect()
        };
        features.chunks_exact(channels).flat_map(of_image).collect()
    }

    fn gradients(
        &self,
        records: &[Record],
        features: &[f64],
        of_logits: &[f64],
    ) -> BTreeMap<String, Vec<f64>> {
        let mut gradients = BTreeMap::new();
        let weight = self.tensor("fc.weight");
        let classes = self.tensor("fc.bias").len();
        let channels = weight.len() / classes;
        let (mut of_weight, mut of_bias) = (vec![0.0; weight.len()], vec![0.0; classes]);
        let mut of_features = vec![0.0; features.len()];
        for (i, gradient) in of_logits.iter().enumerate() {
            let (image, class) = (i / classes, i % classes);
            of_bias[class] += gradient;
            for c in 0..channels {
                let (feature, entry) = (image * channels + c, class * channels + c);
                of_weight[entry] += gradient * features[feature];
                of_features[feature] += gradient * weight[entry];
            }
        }
        gradients.insert("fc.weight".to_owned(), of_weight);
        gradients.insert("fc.bias".to_owned(), of_bias);

        let last = records.last().unwrap();
        let pixels = last.convolution.out_size().iter().product();
        let mut gradient = float64::pool_gradient(&of_features, pixels, channels);
        for (spec, record) in self.architecture.convs().iter().zip(records).rev() {
            let Record {
                convolution,
                input,
                raw,
                layer,
            } = record;
            let (gamma, beta) = layer.before_activation(&mut gradient, raw);
            let of_raw = layer.input_gradient(&gradient, raw, &gamma, &beta);
            let name = format!("{}.weight", spec.conv_name());
            let (of_input, of_weight) = convolution.backward(&of_raw, input, self.tensor(&name));
            let norm = spec.norm_name();
            gradients.insert(name, of_weight);
            gradients.insert(format!("{norm}.weight"), gamma);
            gradients.insert(format!("{norm}.bias"), beta);
            gradient = of_input;
        }
        gradients
    }
}
