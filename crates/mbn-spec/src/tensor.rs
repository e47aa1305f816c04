//! The tensors of the state dict: PyTorch's names and order, shapes, and what each is for.

use crate::{Architecture, ConvLayer};

/// What a tensor of the state dict is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorKind {
    /// A convolution's or the classifier's weight: trained, decayed.
    Weight,
    /// Batch norm's scale or shift, or the classifier's bias: trained.
    Bias,
    /// Batch norm's running statistics: measured.
    Buffer,
    /// `num_batches_tracked`, an I64 scalar.
    Counter,
}

/// Which tensor of a batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormTensor {
    /// Gamma.
    Scale,
    /// Beta.
    Shift,
    /// Running mean.
    Mean,
    /// Running variance.
    Variance,
    /// Number of batches seen.
    Counter,
}

/// The place of a tensor in the network, whatever a file calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TensorRole {
    /// The weight of a convolution.
    Convolution(ConvLayer),
    /// A tensor of the batch norm that follows a convolution.
    Norm(ConvLayer, NormTensor),
    /// The classifier's weight.
    ClassifierWeight,
    /// The classifier's bias.
    ClassifierBias,
}

/// Name, shape and purpose of one tensor of the state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// PyTorch's name.
    pub name: String,
    /// Shape, outermost dimension first; empty for a scalar.
    pub shape: Vec<usize>,
    /// What it is for; `Counter` is I64, all others F32.
    pub kind: TensorKind,
    /// Its place in the network.
    pub role: TensorRole,
}

/// PyTorch's names of a batch norm's tensors, in its order.
const NORM_TENSORS: [(&str, TensorKind, NormTensor); 5] = [
    ("weight", TensorKind::Bias, NormTensor::Scale),
    ("bias", TensorKind::Bias, NormTensor::Shift),
    ("running_mean", TensorKind::Buffer, NormTensor::Mean),
    ("running_var", TensorKind::Buffer, NormTensor::Variance),
    ("num_batches_tracked", TensorKind::Counter, NormTensor::Counter),
];

impl Architecture {
    /// Every tensor of the state dict, in PyTorch's order.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = Vec::new();
        for layer in self.convs() {
            tensors.push(TensorSpec {
                name: format!("{}.weight", layer.conv_name()),
                shape: layer.weight_shape().to_vec(),
                kind: TensorKind::Weight,
                role: TensorRole::Convolution(layer.clone()),
            });
            for (suffix, kind, tensor) in NORM_TENSORS {
                tensors.push(TensorSpec {
                    name: format!("{}.{suffix}", layer.norm_name()),
                    shape: match kind {
                        TensorKind::Counter => Vec::new(),
                        _ => vec![layer.out_channels],
                    },
                    kind,
                    role: TensorRole::Norm(layer.clone(), tensor),
                });
            }
        }
        tensors.push(TensorSpec {
            name: "fc.weight".into(),
            shape: vec![self.classes, self.features()],
            kind: TensorKind::Weight,
            role: TensorRole::ClassifierWeight,
        });
        tensors.push(TensorSpec {
            name: "fc.bias".into(),
            shape: vec![self.classes],
            kind: TensorKind::Bias,
            role: TensorRole::ClassifierBias,
        });
        tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alpha;

    #[test]
    fn names_follow_pytorch() {
        let tensors = Architecture::new(Alpha::Quarter, 10).tensors();
        assert_eq!(tensors.len(), 27 * 6 + 2);
        assert_eq!(tensors[0].name, "model.0.0.weight");
        assert_eq!(tensors[0].shape, [8, 3, 3, 3]);
        assert_eq!(tensors[6].name, "model.1.0.weight");
        assert_eq!(tensors[6].shape, [8, 1, 3, 3]);
        assert_eq!(tensors[12].name, "model.1.3.weight");
        assert_eq!(tensors[12].shape, [16, 8, 1, 1]);
        assert_eq!(tensors[17].name, "model.1.4.num_batches_tracked");
        assert!(tensors[17].shape.is_empty());
    }
}
