//! The dense 3x3 convolution on the image as a candle operation; from `[N, 3, H, W]` to `[N, H, W, C]`.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use crate::cpu::{Bias, stem as cpu};
use crate::storage::{expect_shape, floats};
use crate::{Conv3x3, Epilogue};

/// 3x3 convolution of `image` `[N, 3, H, W]` with `weight` `[O, 3, 3, 3]` to `[N, OH, OW, O]`, with gradients.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn stem(image: &Tensor, weight: &Tensor, conv: Conv3x3) -> Result<Tensor> {
    let op = Stem::new(image, weight, conv)?;
    image.contiguous()?.apply_op2(&weight.contiguous()?, op)
}

/// Gradient of [`stem`] with respect to `weight`, given that of its result.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn stem_weight_gradient(
    image: &Tensor,
    weight: &Tensor,
    conv: Conv3x3,
    gradient: &Tensor,
) -> Result<Tensor> {
    Stem::new(image, weight, conv)?.weight_gradient(image, gradient)
}

/// [`stem`] followed by bias and activation; has no gradient.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn stem_fused(image: &Tensor, weight: &Tensor, conv: Conv3x3, epilogue: &Epilogue) -> Result<Tensor> {
    let op = Stem::new(image, weight, conv)?;
    expect_shape("stem", "bias", &epilogue.bias, &[op.shape.cout])?;
    let op = StemFused {
        op,
        max: epilogue.max,
    };
    image
        .contiguous()?
        .apply_op3_no_bwd(&weight.contiguous()?, &epilogue.bias.contiguous()?, &op)
}

#[derive(Clone, Copy)]
struct Stem {
    conv: Conv3x3,
    shape: cpu::Shape,
}

impl Stem {
    fn new(image: &Tensor, weight: &Tensor, conv: Conv3x3) -> Result<Self> {
        let (n, _, h, w) = image.dims4()?;
        let (cout, ..) = weight.dims4()?;
        expect_shape("stem", "image", image, &[n, 3, h, w])?;
        expect_shape("stem", "weight", weight, &[cout, 3, 3, 3])?;
        let shape = cpu::Shape {
            n,
            h,
            w,
            cout,
            oh: conv.out_size(h)?,
            ow: conv.out_size(w)?,
        };
        Ok(Self { conv, shape })
    }

    fn forward(&self, image: &[f32], weight: &[f32], bias: Option<Bias>) -> (CpuStorage, Shape) {
        let cpu::Shape { n, cout, oh, ow, .. } = self.shape;
        let mut out = vec![0.0; n * oh * ow * cout];
        cpu::forward(&mut out, image, weight, self.conv, self.shape, bias);
        (CpuStorage::F32(out), (n, oh, ow, cout).into())
    }

    fn weight_gradient(&self, image: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        image
            .contiguous()?
            .apply_op2_no_bwd(&gradient.contiguous()?, &WeightGradient(*self))
    }
}

impl CustomOp2 for Stem {
    fn name(&self) -> &'static str {
        "stem"
    }

    fn cpu_fwd(
        &self,
        image: &CpuStorage,
        image_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let image = floats(image, image_layout, self.name())?;
        Ok(self.forward(image, floats(weight, weight_layout, self.name())?, None))
    }

    fn bwd(
        &self,
        image: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let dw = image
            .contiguous()?
            .apply_op2_no_bwd(&gradient, &WeightGradient(*self))?;
        // Training never asks for it, and it costs as much as all the rest of the stem.
        let wanted = image.track_op();
        let dimage = wanted.then(|| gradient.apply_op2_no_bwd(&weight.contiguous()?, &InputGradient(*self)));
        Ok((dimage.transpose()?, Some(dw)))
    }
}

struct StemFused {
    op: Stem,
    max: f32,
}

impl CustomOp3 for StemFused {
    fn name(&self) -> &'static str {
        "stem-fused"
    }

    fn cpu_fwd(
        &self,
        image: &CpuStorage,
        image_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let image = floats(image, image_layout, self.name())?;
        let bias = Bias {
            bias: floats(bias, bias_layout, self.name())?,
            max: self.max,
        };
        Ok(self
            .op
            .forward(image, floats(weight, weight_layout, self.name())?, Some(bias)))
    }
}

struct WeightGradient(Stem);

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "stem-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        image: &CpuStorage,
        image_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let image = floats(image, image_layout, self.name())?;
        let gradient = floats(gradient, gradient_layout, self.name())?;
        let dw = cpu::weight_gradient(image, gradient, self.0.conv, self.0.shape);
        Ok((CpuStorage::F32(dw), (self.0.shape.cout, 3, 3, 3).into()))
    }
}

struct InputGradient(Stem);

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "stem-input-gradient"
    }

    fn cpu_fwd(
        &self,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Stem { conv, shape } = self.0;
        let gradient = floats(gradient, gradient_layout, self.name())?;
        let mut dimage = vec![0.0; shape.n * 3 * shape.h * shape.w];
        let weight = floats(weight, weight_layout, self.name())?;
        cpu::input_gradient(&mut dimage, gradient, weight, conv, shape);
        Ok((CpuStorage::F32(dimage), (shape.n, 3, shape.h, shape.w).into()))
    }
}
