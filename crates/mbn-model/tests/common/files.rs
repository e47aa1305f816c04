//! PyTorch's tensors of one network and one batch. Only this file knows where they are.

use std::path::PathBuf;

use candle_core::{Device, Tensor};
use mbn_model::Network;
use mbn_testing::float64::widen;
use mbn_testing::{Tensors, reference_path};
use mbn_weights::Weights;

use super::float64::Batch;

pub struct Reference {
    pub weights: Weights,
    folder: PathBuf,
}

pub fn reference() -> Reference {
    let folder = reference_path("alpha_0.25");
    let weights = Weights::load(&folder.join("state_dict.safetensors")).unwrap();
    Reference { weights, folder }
}

impl Reference {
    pub fn file(&self, name: &str) -> Tensors {
        Tensors::read(&self.folder.join(name))
    }

    pub fn network(&self, device: &Device) -> Network {
        Network::from_weights(&self.weights, device).unwrap()
    }
}

/// The pictures of a file, `[n, 3, height, width]`.
pub fn images(tensors: &Tensors, device: &Device) -> Tensor {
    let (shape, values) = tensors.images();
    Tensor::from_vec(values, shape, device).unwrap()
}

pub fn labels(tensors: &Tensors, device: &Device) -> Tensor {
    let labels: Vec<u32> = tensors
        .integers("labels")
        .into_iter()
        .map(|label| label as u32)
        .collect();
    Tensor::new(labels, device).unwrap()
}

/// The batch, for the network in float64.
pub fn batch(tensors: &Tensors) -> Batch {
    let (shape, images) = tensors.images();
    let labels = tensors.integers("labels").into_iter();
    Batch {
        images: widen(&images),
        size: shape[3],
        labels: labels.map(|label| label as usize).collect(),
    }
}

pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}
