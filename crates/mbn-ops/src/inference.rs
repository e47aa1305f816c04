//! The folded network's layers: bias and activation as a convolution writes, nothing kept for a backward pass.

#[cfg(feature = "cuda")]
mod cuda;

use std::sync::OnceLock;

use candle_core::{Result, Tensor};

use crate::Conv3x3;
use crate::cpu::depthwise::{self, taps_first};
use crate::cpu::product::{Packed, Single};
use crate::cpu::{inference as cpu, stem};
use crate::double::{self, convolution as reference, layer::activate_with_bias};
use crate::element::Element;
use crate::launch::{Kernel, Reader, expect_shape, expect_type, float_result, launch};

/// A convolution with its bias and activation, `min(max(0, y + bias), max)`.
#[derive(Clone, Debug)]
pub struct FusedConv {
    /// In PyTorch's layout.
    pub weight: Tensor,
    /// `[O]`
    pub bias: Tensor,
    /// Infinity for ReLU, 6 for ReLU6.
    pub max: f32,
}

/// A pointwise convolution with its bias and activation, its weights laid out for products at their first use.
#[derive(Clone, Debug)]
pub struct FusedPointwise {
    conv: FusedConv,
    packed: OnceLock<Packed<f32>>,
}

impl From<FusedConv> for FusedPointwise {
    fn from(conv: FusedConv) -> Self {
        Self {
            conv,
            packed: OnceLock::new(),
        }
    }
}

impl FusedPointwise {
    /// Output channels.
    pub fn channels(&self) -> usize {
        self.conv.bias.elem_count()
    }

    fn packed(&self, weight: &[f32]) -> &Packed<f32> {
        self.packed.get_or_init(|| {
            let cout = self.channels();
            let cin = weight.len() / cout;
            Packed::new::<Single>(cin, cout, |p, col| weight[col * cin + p])
        })
    }
}

/// 3x3 convolution of `image` `[N, 3, H, W]` with a weight `[O, 3, 3, 3]`; writes `out`, `[N, OH, OW, O]`.
///
/// # Errors
/// If shapes do not fit, a tensor is not contiguous, or they are not all float32 or all float64.
pub fn stem_fused(image: &Tensor, fused: &FusedConv, conv: Conv3x3, out: &Tensor) -> Result<()> {
    let shape = crate::stem::shape(image, &fused.weight, conv, out)?;
    expect_shape(Stem::NAME, "bias", &fused.bias, &[shape.cout])?;
    expect_type(Stem::NAME, out, image.dtype())?;
    launch(
        &Stem {
            image,
            fused,
            conv,
            shape,
        },
        out,
    )
}

/// Depthwise 3x3 convolution of `x` `[N, H, W, C]`, then a pointwise one; the weights are `[C, 1, 3, 3]` and
/// `[O, C, 1, 1]`. Writes `out`, `[N, OH, OW, O]`.
///
/// # Errors
/// If shapes do not fit, a tensor is not contiguous, or they are not all float32 or all float64.
pub fn separable_fused(
    x: &Tensor,
    depthwise: &FusedConv,
    conv: Conv3x3,
    pointwise: &FusedPointwise,
    out: &Tensor,
) -> Result<()> {
    let (n, h, w, c) = x.dims4()?;
    let FusedConv { weight, bias, .. } = &pointwise.conv;
    let (cout, ..) = weight.dims4()?;
    let (oh, ow) = (conv.out_size(h)?, conv.out_size(w)?);
    let name = Separable::NAME;
    expect_shape(name, "depthwise weight", &depthwise.weight, &[c, 1, 3, 3])?;
    expect_shape(name, "depthwise bias", &depthwise.bias, &[c])?;
    expect_shape(name, "pointwise weight", weight, &[cout, c, 1, 1])?;
    expect_shape(name, "pointwise bias", bias, &[cout])?;
    expect_shape(name, "the result", out, &[n, oh, ow, cout])?;
    expect_type(name, out, x.dtype())?;
    let shape = depthwise::Shape { n, h, w, c, oh, ow };
    launch(
        &Separable {
            x,
            depthwise,
            conv,
            pointwise,
            shape,
        },
        out,
    )
}

/// Read access to bias and weight.
struct FusedReader<'a> {
    weight: Reader<'a>,
    bias: Reader<'a>,
    max: f32,
}

impl<'a> FusedReader<'a> {
    fn new(op: &'static str, fused: &'a FusedConv) -> Result<Self> {
        Ok(Self {
            weight: Reader::new(op, &fused.weight)?,
            bias: Reader::new(op, &fused.bias)?,
            max: fused.max,
        })
    }

    fn epilogue(&self) -> Result<cpu::Epilogue<'_>> {
        Ok(cpu::Epilogue {
            bias: self.bias.values()?,
            max: self.max,
        })
    }
}

struct Stem<'a> {
    image: &'a Tensor,
    fused: &'a FusedConv,
    conv: Conv3x3,
    shape: stem::Shape,
}

impl Kernel for Stem<'_> {
    const NAME: &'static str = "stem-fused";
    type Side = ();

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let image = Reader::new(Self::NAME, self.image)?;
        let fused = FusedReader::new(Self::NAME, self.fused)?;
        let taps = stem::taps_first(fused.weight.values()?, self.shape.cout);
        let out = float_result(Self::NAME, out)?;
        cpu::stem(
            out,
            image.values()?,
            &taps,
            fused.epilogue()?,
            self.conv,
            self.shape,
        );
        Ok(())
    }

    fn double(&self, out: &mut [f64]) -> Result<()> {
        let (conv, shape) = (self.conv, self.shape);
        let image = double::values(Self::NAME, self.image)?;
        convolve_fused(
            Self::NAME,
            &reference::Stem { conv, shape },
            out,
            &image,
            self.fused,
        )
    }
}

struct Separable<'a> {
    x: &'a Tensor,
    depthwise: &'a FusedConv,
    conv: Conv3x3,
    pointwise: &'a FusedPointwise,
    shape: depthwise::Shape,
}

impl Kernel for Separable<'_> {
    const NAME: &'static str = "separable-fused";
    type Side = ();

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let x = Reader::new(Self::NAME, self.x)?;
        let depthwise = FusedReader::new(Self::NAME, self.depthwise)?;
        let pointwise = FusedReader::new(Self::NAME, &self.pointwise.conv)?;
        let first = cpu::Depthwise {
            taps: &taps_first(depthwise.weight.values()?, self.shape.c),
            epilogue: depthwise.epilogue()?,
            conv: self.conv,
            shape: self.shape,
        };
        let second = cpu::Pointwise {
            weights: self.pointwise.packed(pointwise.weight.values()?),
            epilogue: pointwise.epilogue()?,
        };
        let out = float_result(Self::NAME, out)?;
        cpu::separable(out, x.values()?, &first, second);
        Ok(())
    }

    fn double(&self, out: &mut [f64]) -> Result<()> {
        let (conv, shape) = (self.conv, self.shape);
        let x = double::values(Self::NAME, self.x)?;
        let mut between = vec![0.0; shape.n * shape.oh * shape.ow * shape.c];
        let depthwise = reference::Depthwise { conv, shape };
        convolve_fused(Self::NAME, &depthwise, &mut between, &x, self.depthwise)?;
        let pointwise = reference::Pointwise {
            pixels: shape.oh * shape.ow,
            cin: shape.c,
            cout: self.pointwise.channels(),
        };
        convolve_fused(Self::NAME, &pointwise, out, &between, &self.pointwise.conv)
    }
}

/// A convolution in float64 with what follows it.
fn convolve_fused(
    op: &'static str,
    convolution: &impl reference::Convolution,
    out: &mut [f64],
    input: &[f64],
    fused: &FusedConv,
) -> Result<()> {
    let (weight, bias) = (
        double::values(op, &fused.weight)?,
        double::values(op, &fused.bias)?,
    );
    reference::convolve(convolution, out, input, &weight);
    activate_with_bias(out, &bias, fused.max);
    Ok(())
}
