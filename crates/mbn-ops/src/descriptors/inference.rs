//! The folded network's layers: bias and activation as a convolution writes, nothing kept for a backward pass.

use std::sync::OnceLock;

use candle_core::{DType, Result, Tensor};

use super::kernel::{Kernel, Reader, float_result};
use super::stem;
use crate::cpu::depthwise::taps_first;
use crate::cpu::inference as cpu;
use crate::cpu::packed::Packed;
use crate::cpu::product::Single;
use crate::cpu::stem::taps_first as stem_taps_first;
use crate::operands::checks::{expect_floats, expect_shape, expect_type};
use crate::operands::conv3x3::Conv3x3;
use crate::operands::element::Element;
use crate::operands::fused::FusedConv;
use crate::operands::shapes::DepthwiseShape;

/// A pointwise convolution with its bias and activation, its weights laid out for products at their first use.
#[derive(Clone, Debug)]
pub struct FusedPointwise {
    pub(crate) conv: FusedConv,
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
            let cin = weight.len() / self.channels();
            Packed::columns::<Single>(weight, cin)
        })
    }
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

/// The convolution on the image.
pub(crate) struct Stem<'a> {
    pub op: stem::Stem<'a>,
    pub fused: &'a FusedConv,
}

impl<'a> Stem<'a> {
    /// An error unless everything fits `out`.
    pub fn new(image: &'a Tensor, fused: &'a FusedConv, conv: Conv3x3, out: &Tensor) -> Result<Self> {
        let op = stem::Stem::new(image, &fused.weight, conv, out)?;
        expect_floats(Self::NAME, &[("bias", &fused.bias)], &[op.shape.cout])?;
        expect_type(Self::NAME, "the result", out, DType::F32)?;
        Ok(Self { op, fused })
    }
}

impl Kernel for Stem<'_> {
    const NAME: &'static str = "stem-fused";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        vec![self.op.image, &self.fused.weight, &self.fused.bias]
    }

    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<()> {
        let stem::Stem { image, conv, shape } = self.op;
        let image = Reader::new(Self::NAME, image)?;
        let fused = FusedReader::new(Self::NAME, self.fused)?;
        let taps = stem_taps_first(fused.weight.values()?, shape.cout);
        let out = float_result(Self::NAME, out)?;
        cpu::stem(out, image.values()?, &taps, fused.epilogue()?, conv, shape);
        Ok(())
    }
}

/// A depthwise convolution and the pointwise one after it.
pub(crate) struct Separable<'a> {
    pub x: &'a Tensor,
    pub depthwise: &'a FusedConv,
    pub conv: Conv3x3,
    pub pointwise: &'a FusedPointwise,
    pub shape: DepthwiseShape,
}

impl<'a> Separable<'a> {
    /// An error unless everything fits `out`.
    pub fn new(
        x: &'a Tensor,
        depthwise: &'a FusedConv,
        conv: Conv3x3,
        pointwise: &'a FusedPointwise,
        out: &Tensor,
    ) -> Result<Self> {
        let (n, h, w, c) = x.dims4()?;
        let FusedConv { weight, bias, .. } = &pointwise.conv;
        let (cout, ..) = weight.dims4()?;
        let (oh, ow) = (conv.out_size(h)?, conv.out_size(w)?);
        let name = Self::NAME;
        expect_type(name, "the input", x, DType::F32)?;
        expect_floats(name, &[("depthwise weight", &depthwise.weight)], &[c, 1, 3, 3])?;
        expect_floats(name, &[("depthwise bias", &depthwise.bias)], &[c])?;
        expect_floats(name, &[("pointwise weight", weight)], &[cout, c, 1, 1])?;
        expect_floats(name, &[("pointwise bias", bias)], &[cout])?;
        expect_shape(name, "the result", out, &[n, oh, ow, cout])?;
        expect_type(name, "the result", out, DType::F32)?;
        let shape = DepthwiseShape { n, h, w, c, oh, ow };
        Ok(Self {
            x,
            depthwise,
            conv,
            pointwise,
            shape,
        })
    }
}

impl Kernel for Separable<'_> {
    const NAME: &'static str = "separable-fused";
    type Side = ();

    fn inputs(&self) -> Vec<&Tensor> {
        let layers = [self.depthwise, &self.pointwise.conv];
        let parameters = layers.into_iter().flat_map(|layer| [&layer.weight, &layer.bias]);
        parameters.chain([self.x]).collect()
    }

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
}
