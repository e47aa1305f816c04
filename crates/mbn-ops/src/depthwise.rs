//! Depthwise 3x3 convolution as a candle operation.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use crate::cpu::depthwise::{self as cpu, taps_first};
use crate::cpu::{Bias, depthwise_backward as cpu_backward};
use crate::storage::{expect_shape, floats};
use crate::{Conv3x3, Epilogue};

/// Depthwise 3x3 convolution of `x` `[N, H, W, C]` with `weight` `[C, 1, 3, 3]`, with gradients.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn depthwise(x: &Tensor, weight: &Tensor, conv: Conv3x3) -> Result<Tensor> {
    let op = Depthwise::new(x, weight, conv)?;
    x.contiguous()?.apply_op2(&weight.contiguous()?, op)
}

/// Gradients of [`depthwise`] with respect to `x` and `weight`, given that of its result.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn depthwise_gradients(
    x: &Tensor,
    weight: &Tensor,
    conv: Conv3x3,
    gradient: &Tensor,
) -> Result<(Tensor, Tensor)> {
    Depthwise::new(x, weight, conv)?.gradients(x, weight, gradient)
}

/// [`depthwise`] followed by bias and activation; has no gradient.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn depthwise_fused(x: &Tensor, weight: &Tensor, conv: Conv3x3, epilogue: &Epilogue) -> Result<Tensor> {
    let op = Depthwise::new(x, weight, conv)?;
    expect_shape("depthwise", "bias", &epilogue.bias, &[op.shape.c])?;
    let op = DepthwiseFused {
        op,
        max: epilogue.max,
    };
    x.contiguous()?
        .apply_op3_no_bwd(&weight.contiguous()?, &epilogue.bias.contiguous()?, &op)
}

#[derive(Clone, Copy)]
struct Depthwise {
    conv: Conv3x3,
    shape: cpu::Shape,
}

impl Depthwise {
    fn new(x: &Tensor, weight: &Tensor, conv: Conv3x3) -> Result<Self> {
        let (n, h, w, c) = x.dims4()?;
        expect_shape("depthwise", "weight", weight, &[c, 1, 3, 3])?;
        let shape = cpu::Shape {
            n,
            h,
            w,
            c,
            oh: conv.out_size(h)?,
            ow: conv.out_size(w)?,
        };
        Ok(Self { conv, shape })
    }

    fn forward(&self, x: &[f32], weight: &[f32], bias: Option<Bias>) -> (CpuStorage, Shape) {
        let cpu::Shape { n, c, oh, ow, .. } = self.shape;
        let mut out = vec![0.0; n * oh * ow * c];
        cpu::forward(&mut out, x, &taps_first(weight, c), self.conv, self.shape, bias);
        (CpuStorage::F32(out), (n, oh, ow, c).into())
    }

    fn gradients(&self, x: &Tensor, weight: &Tensor, gradient: &Tensor) -> Result<(Tensor, Tensor)> {
        let gradient = gradient.contiguous()?;
        let dx = gradient.apply_op2_no_bwd(&weight.contiguous()?, &InputGradient(*self))?;
        let dw = x
            .contiguous()?
            .apply_op2_no_bwd(&gradient, &WeightGradient(*self))?;
        Ok((dx, dw))
    }
}

impl CustomOp2 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = floats(x, x_layout, self.name())?;
        Ok(self.forward(x, floats(weight, weight_layout, self.name())?, None))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, dw) = self.gradients(x, weight, gradient)?;
        Ok((Some(dx), Some(dw)))
    }
}

struct DepthwiseFused {
    op: Depthwise,
    max: f32,
}

impl CustomOp3 for DepthwiseFused {
    fn name(&self) -> &'static str {
        "depthwise-fused"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = floats(x, x_layout, self.name())?;
        let bias = Bias {
            bias: floats(bias, bias_layout, self.name())?,
            max: self.max,
        };
        Ok(self
            .op
            .forward(x, floats(weight, weight_layout, self.name())?, Some(bias)))
    }
}

struct InputGradient(Depthwise);

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "depthwise-input-gradient"
    }

    fn cpu_fwd(
        &self,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Depthwise { conv, shape } = self.0;
        let cpu::Shape { n, h, w, c, .. } = shape;
        let gradient = floats(gradient, gradient_layout, self.name())?;
        let taps = taps_first(floats(weight, weight_layout, self.name())?, c);
        let mut dx = vec![0.0; n * h * w * c];
        cpu_backward::input_gradient(&mut dx, gradient, &taps, conv, shape);
        Ok((CpuStorage::F32(dx), (n, h, w, c).into()))
    }
}

struct WeightGradient(Depthwise);

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "depthwise-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Depthwise { conv, shape } = self.0;
        let x = floats(x, x_layout, self.name())?;
        let gradient = floats(gradient, gradient_layout, self.name())?;
        let dw = cpu_backward::weight_gradient(x, gradient, conv, shape);
        Ok((CpuStorage::F32(dw), (shape.c, 1, 3, 3).into()))
    }
}
