//! The folded network's layers.

use candle_core::{DType, Device};
use mbn_ops::FusedConv;

use super::comparison::Found;
use super::shapes::Block;
use super::{noise, used};

fn fused(seed: u64, shape: &[usize], max: f32, device: &Device) -> FusedConv {
    FusedConv {
        weight: noise(seed, shape, DType::F32, device),
        bias: noise(seed ^ 1, &shape[..1], DType::F32, device),
        max,
    }
}

/// [`mbn_ops::stem_fused`]. The block's channels are the result's.
pub fn stem_fused(block: Block, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let ([n, h, w, c], (oh, ow)) = (block.input, block.out_size());
        let image = noise(seed, &[n, 3, h, w], DType::F32, device);
        let conv = fused(seed ^ 2, &[c, 3, 3, 3], f32::INFINITY, device);
        let out = used(&[n, oh, ow, c], DType::F32, device);
        mbn_ops::stem_fused(&image, &conv, block.conv, &out).unwrap();
        vec![Found::sum("result", &out, DType::F32, 27)]
    }
}

/// [`mbn_ops::separable_fused`].
pub fn separable(block: Block, seed: u64) -> impl Fn(&Device) -> Vec<Found> {
    move |device| {
        let ([n, .., c], (oh, ow), cout) = (block.input, block.out_size(), block.cout);
        let x = noise(seed, &block.input, DType::F32, device);
        let depthwise = fused(seed ^ 2, &[c, 1, 3, 3], 0.7, device);
        let pointwise = fused(seed ^ 4, &[cout, c, 1, 1], 6.0, device).into();
        let out = used(&[n, oh, ow, cout], DType::F32, device);
        mbn_ops::separable_fused(&x, &depthwise, block.conv, &pointwise, &out).unwrap();
        vec![Found::sum("result", &out, DType::F32, 9 + c)]
    }
}
