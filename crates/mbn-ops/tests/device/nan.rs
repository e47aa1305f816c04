//! Which results a NaN reaches: where it is bounded, it must not look like an inactive value.

use candle_core::{DType, Device, Tensor};
use mbn_ops::{Conv3x3, FusedConv};
use mbn_testing::Tolerance;

use super::comparison::Found;
use super::{noise, used};
use crate::common::{Layer, tensor, values};

const CHANNEL: usize = 7;

/// One for each NaN, zero for each number.
fn nan(name: &'static str, tensor: &Tensor) -> Found {
    let flags = values(tensor)
        .iter()
        .map(|value| f32::from(u8::from(value.is_nan())))
        .collect();
    Found::within(name, flags, Tolerance::EXACT)
}

/// NaN in one channel of an inner pixel, through every kernel that bounds an activation.
pub fn with_nan([h, w, c]: [usize; 3], max: f32, dtype: DType) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let mut layer = Layer::new(if max.is_finite() { 3 } else { 2 }, &[1, h, w, c]);
        let mut raw = values(&layer.raw);
        raw[(2 * w + 1) * c + CHANNEL] = f32::NAN;
        layer.raw = Tensor::from_vec(raw, &[1, h, w, c], &Device::Cpu).unwrap();
        let layer = layer.to_device(device);
        let raw = layer.raw.to_dtype(dtype).unwrap();
        let input = mbn_ops::LazyActivation {
            raw: &raw,
            ..layer.activation()
        };
        let fused = |shape: &[usize]| FusedConv {
            weight: tensor(4, shape).to_device(device).unwrap(),
            bias: tensor(5, &shape[..1]).to_device(device).unwrap(),
            max,
        };
        let (taps, conv) = (noise(6, &[c, 1, 3, 3], DType::F32, device), Conv3x3::symmetric(1));
        let depthwise = used(&[1, h, w, c], dtype, device);
        let _ = mbn_ops::depthwise(input, &taps, conv, &depthwise).unwrap();
        let pointwise = used(&[1, h, w, 8], dtype, device);
        let _ = mbn_ops::pointwise(input, &noise(7, &[8, c, 1, 1], DType::F32, device), &pointwise).unwrap();
        let pool = mbn_ops::global_average_pool(input).unwrap();
        let separable = used(&[1, h, w, 8], DType::F32, device);
        let second = fused(&[8, c, 1, 1]).into();
        mbn_ops::separable_fused(&layer.raw, &fused(&[c, 1, 3, 3]), conv, &second, &separable).unwrap();
        vec![
            nan("depthwise", &depthwise),
            nan("pointwise", &pointwise),
            nan("pool", &pool),
            nan("block for inference", &separable),
        ]
    }
}
