//! What the filters of a convolution meet, pixel by pixel.

use candle_core::{Device, Result, Tensor, bail};
use mbn_ops::Conv3x3;
use mbn_spec::LayerKind;

use super::{QuantizedNetwork, Values};
use crate::parameters::conv3x3;

/// Side of a filter that is not pointwise.
const SIDE: usize = 3;

impl QuantizedNetwork {
    /// What the filters of a layer on bytes meet at some of its output pixels: `[filters, pixels, values]`, integers, as distances
    /// from the zero point. All filters of the first convolution and of a pointwise one meet the same values, and `filters` is 1.
    /// `values` are in the order of a filter's weights. `at` gives the pixels, by their number among `N x H x W`.
    ///
    /// # Errors
    /// There is no such layer, it stays float32, or a pixel is outside.
    pub fn patches(&self, layer: usize, input: &Values, at: impl Fn(usize) -> Vec<usize>) -> Result<Tensor> {
        let Some(conv) = self.convs.get(layer) else {
            bail!("there is no convolution {layer}")
        };
        let x = input.steps()?;
        let (n, h, w, c) = match conv.spec.kind {
            LayerKind::Stem => x.permute((0, 2, 3, 1))?.dims4()?,
            _ => x.dims4()?,
        };
        let geometry = match conv.spec.kind {
            LayerKind::Pointwise => None,
            _ => Some(conv3x3(&conv.spec, &self.weights.architecture.variant, [h, w])?),
        };
        let [out_h, out_w] = match &geometry {
            Some(geometry) => [geometry.out_size(h)?, geometry.out_size(w)?],
            None => [h, w],
        };
        let pixels = at(n * out_h * out_w);
        if pixels.iter().any(|&pixel| pixel >= n * out_h * out_w) {
            bail!("a pixel is outside of the layer's {n} x {out_h} x {out_w}");
        }
        let x = match conv.spec.kind {
            LayerKind::Stem => x.permute((0, 2, 3, 1))?.contiguous()?,
            _ => x,
        };
        let values = x.flatten_all()?.to_vec1::<f32>()?;
        let mut rows = Vec::with_capacity(pixels.len() * c * geometry.map_or(1, |_| SIDE * SIDE));
        for &pixel in &pixels {
            let (image, y, x) = (pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w);
            match geometry {
                None => rows.extend_from_slice(&values[pixel * c..][..c]),
                Some(geometry) => {
                    let window = Window { geometry, h, w, y, x };
                    for channel in 0..c {
                        rows.extend(window.sources().map(|source| match source {
                            Some(at) => values[(image * h * w + at) * c + channel],
                            None => 0.0,
                        }));
                    }
                }
            }
        }
        let m = pixels.len();
        match conv.spec.kind {
            LayerKind::Depthwise => Tensor::from_vec(rows, (m, c, SIDE * SIDE), &Device::Cpu)?
                .transpose(0, 1)?
                .contiguous(),
            LayerKind::Stem => Tensor::from_vec(rows, (1, m, c * SIDE * SIDE), &Device::Cpu),
            LayerKind::Pointwise => Tensor::from_vec(rows, (1, m, c), &Device::Cpu),
        }
    }
}

/// Where a filter of 3 x 3 reads for one output pixel.
#[derive(Clone, Copy)]
struct Window {
    geometry: Conv3x3,
    h: usize,
    w: usize,
    y: usize,
    x: usize,
}

impl Window {
    /// The input pixels, row by row; `None` in the padding, where values are 0.
    fn sources(self) -> impl Iterator<Item = Option<usize>> {
        let inside = move |out: usize, tap: usize, size: usize| {
            (out * self.geometry.stride + tap)
                .checked_sub(self.geometry.pad_begin)
                .filter(|at| *at < size)
        };
        (0..SIDE * SIDE).map(move |tap| {
            let y = inside(self.y, tap / SIDE, self.h)?;
            let x = inside(self.x, tap % SIDE, self.w)?;
            Some(y * self.w + x)
        })
    }
}
