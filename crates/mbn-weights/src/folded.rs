//! Folds every batch norm into the convolution before it, for inference.

use mbn_spec::{Architecture, ConvLayer};

use crate::Weights;

/// A convolution that includes its batch norm.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedConv {
    /// `[out, in / groups, kernel, kernel]`, row-major, as in PyTorch.
    pub weight: Vec<f32>,
    /// `[out]`.
    pub bias: Vec<f32>,
}

/// The weights that inference needs, without batch norm.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The network that these weights belong to.
    pub architecture: Architecture,
    /// One for each of [`Architecture::convs`], in that order.
    pub convs: Vec<FoldedConv>,
    /// `[classes, features]`, row-major.
    pub fc_weight: Vec<f32>,
    /// `[classes]`.
    pub fc_bias: Vec<f32>,
}

impl Weights {
    /// Folds each batch norm into its convolution (Jacob et al. 2018, equation 14): with
    /// `k = gamma / sqrt(var + epsilon)` the weight becomes `k * weight` and the bias `beta - k * mean`.
    /// Computes in float64 and rounds once.
    pub fn fold(&self) -> Folded {
        let architecture = *self.architecture();
        Folded {
            architecture,
            convs: architecture
                .convs()
                .iter()
                .map(|layer| fold(self, layer))
                .collect(),
            fc_weight: self.values("fc.weight").to_vec(),
            fc_bias: self.values("fc.bias").to_vec(),
        }
    }
}

fn fold(weights: &Weights, layer: &ConvLayer) -> FoldedConv {
    let norm = layer.norm_name();
    let [gamma, beta, mean, var] = ["weight", "bias", "running_mean", "running_var"]
        .map(|part| weights.values(&format!("{norm}.{part}")));
    let epsilon = weights.architecture().variant.batch_norm_epsilon;
    let filter_len = layer.weight_shape()[1..].iter().product::<usize>();
    let filters = weights.values(&format!("{}.weight", layer.conv_name()));

    let mut folded = FoldedConv {
        weight: Vec::with_capacity(filters.len()),
        bias: Vec::with_capacity(layer.out_channels),
    };
    for (c, filter) in filters.chunks_exact(filter_len).enumerate() {
        let scale = f64::from(gamma[c]) / (f64::from(var[c]) + epsilon).sqrt();
        folded
            .weight
            .extend(filter.iter().map(|&w| (f64::from(w) * scale) as f32));
        folded
            .bias
            .push((f64::from(beta[c]) - f64::from(mean[c]) * scale) as f32);
    }
    folded
}

#[cfg(test)]
mod tests;
