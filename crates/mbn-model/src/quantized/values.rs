//! Values between layers: bytes with a scale, or floats.

use candle_core::{Device, Result, Tensor};
use mbn_weights::ByteScale;

/// The values between two layers: `[N, 3, H, W]` for images, `[N, H, W, C]` after a convolution.
pub struct Values {
    shape: [usize; 4],
    kind: Kind,
}

enum Kind {
    Bytes(Vec<u8>, ByteScale),
    Floats(Vec<f32>),
}

impl Values {
    pub(super) fn bytes(bytes: Vec<u8>, shape: [usize; 4], scale: ByteScale) -> Self {
        Self {
            shape,
            kind: Kind::Bytes(bytes, scale),
        }
    }

    pub(super) fn floats(floats: Vec<f32>, shape: [usize; 4]) -> Self {
        Self {
            shape,
            kind: Kind::Floats(floats),
        }
    }

    /// The bytes and what they stand for, if the values are kept as bytes.
    pub fn as_bytes(&self) -> Option<(&[u8], ByteScale)> {
        match &self.kind {
            Kind::Bytes(bytes, scale) => Some((bytes, *scale)),
            Kind::Floats(_) => None,
        }
    }

    /// Distances from the zero point, which are integers.
    pub(super) fn steps(&self) -> Result<Tensor> {
        match &self.kind {
            Kind::Bytes(bytes, scale) => {
                let zero = f32::from(scale.zero_point);
                let steps: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) - zero).collect();
                Tensor::from_vec(steps, self.shape.as_slice(), &Device::Cpu)
            }
            Kind::Floats(_) => candle_core::bail!("a layer on bytes reads floats"),
        }
    }

    /// What the values stand for.
    pub(super) fn to_floats(&self) -> Result<Tensor> {
        match &self.kind {
            Kind::Bytes(bytes, ByteScale { scale, zero_point }) => {
                let zero = f32::from(*zero_point);
                let floats: Vec<f32> = bytes
                    .iter()
                    .map(|&byte| (f32::from(byte) - zero) * scale)
                    .collect();
                Tensor::from_vec(floats, self.shape.as_slice(), &Device::Cpu)
            }
            Kind::Floats(floats) => Tensor::from_slice(floats, self.shape.as_slice(), &Device::Cpu),
        }
    }
}
