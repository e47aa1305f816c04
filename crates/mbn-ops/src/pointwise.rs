//! 1x1 convolution as a candle operation.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use crate::Epilogue;
use crate::cpu::{Bias, pointwise as cpu};
use crate::storage::{expect_shape, floats};

/// 1x1 convolution of `x` `[N, H, W, I]` with `weight` `[O, I, 1, 1]`, with gradients.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn pointwise(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let op = Pointwise::new(x, weight)?;
    x.contiguous()?.apply_op2(&weight.contiguous()?, op)
}

/// Gradients of [`pointwise`] with respect to `x` and `weight`, given that of its result.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn pointwise_gradients(x: &Tensor, weight: &Tensor, gradient: &Tensor) -> Result<(Tensor, Tensor)> {
    Pointwise::new(x, weight)?.gradients(x, weight, gradient)
}

/// [`pointwise`] followed by bias and activation; has no gradient.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn pointwise_fused(x: &Tensor, weight: &Tensor, epilogue: &Epilogue) -> Result<Tensor> {
    let op = Pointwise::new(x, weight)?;
    expect_shape("pointwise", "bias", &epilogue.bias, &[op.cout])?;
    let op = PointwiseFused {
        op,
        max: epilogue.max,
    };
    x.contiguous()?
        .apply_op3_no_bwd(&weight.contiguous()?, &epilogue.bias.contiguous()?, &op)
}

#[derive(Clone, Copy)]
struct Pointwise {
    /// `[N, H, W]`
    outer: [usize; 3],
    cin: usize,
    cout: usize,
}

impl Pointwise {
    fn new(x: &Tensor, weight: &Tensor) -> Result<Self> {
        let (n, h, w, cin) = x.dims4()?;
        let (cout, ..) = weight.dims4()?;
        expect_shape("pointwise", "weight", weight, &[cout, cin, 1, 1])?;
        Ok(Self {
            outer: [n, h, w],
            cin,
            cout,
        })
    }

    fn shape(&self, channels: usize) -> Shape {
        let [n, h, w] = self.outer;
        (n, h, w, channels).into()
    }

    fn forward(&self, x: &[f32], weight: &[f32], bias: Option<Bias>) -> (CpuStorage, Shape) {
        let mut out = vec![0.0; x.len() / self.cin * self.cout];
        cpu::forward(&mut out, x, weight, self.cin, self.cout, bias);
        (CpuStorage::F32(out), self.shape(self.cout))
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

impl CustomOp2 for Pointwise {
    fn name(&self) -> &'static str {
        "pointwise"
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

struct PointwiseFused {
    op: Pointwise,
    max: f32,
}

impl CustomOp3 for PointwiseFused {
    fn name(&self) -> &'static str {
        "pointwise-fused"
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

struct InputGradient(Pointwise);

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "pointwise-input-gradient"
    }

    fn cpu_fwd(
        &self,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Pointwise { cin, cout, .. } = self.0;
        let gradient = floats(gradient, gradient_layout, self.name())?;
        let mut dx = vec![0.0; gradient.len() / cout * cin];
        cpu::input_gradient(
            &mut dx,
            gradient,
            floats(weight, weight_layout, self.name())?,
            cin,
            cout,
        );
        Ok((CpuStorage::F32(dx), self.0.shape(cin)))
    }
}

struct WeightGradient(Pointwise);

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "pointwise-weight-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Pointwise { cin, cout, .. } = self.0;
        let x = floats(x, x_layout, self.name())?;
        let dw = cpu::weight_gradient(x, floats(gradient, gradient_layout, self.name())?, cin, cout);
        Ok((CpuStorage::F32(dw), (cout, cin, 1, 1).into()))
    }
}
