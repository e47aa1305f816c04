//! The operations on a device, compared with the same ones on the CPU.

mod classifier;
pub mod comparison;
mod convolutions;
mod inference;
mod nan;
mod optimisers;
mod pictures;
pub mod shapes;

use candle_core::{DType, Device, Tensor};

pub use classifier::{classifier, cross_entropy, tally};
pub use comparison::Comparison;
pub use convolutions::{depthwise, pointwise, pool, stem};
pub use inference::{separable, stem_fused};
pub use nan::with_nan;
pub use optimisers::{adamw, average, sgd};
pub use pictures::{loaded, pictures};

use crate::common::tensor;

/// Types of activations and their gradients.
pub const DTYPES: [DType; 2] = [DType::F32, DType::BF16];

/// Noise in the given dtype, the same on every device.
fn noise(seed: u64, shape: &[usize], dtype: DType, device: &Device) -> Tensor {
    let noise = tensor(seed, shape).to_dtype(dtype).unwrap();
    noise.to_device(device).unwrap()
}

/// What a kernel has to overwrite.
fn used(shape: &[usize], dtype: DType, device: &Device) -> Tensor {
    let used = Tensor::full(7f32, shape, device).unwrap();
    used.to_dtype(dtype).unwrap()
}
