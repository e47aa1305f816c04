//! Global average pooling as a candle operation.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::cpu::pool as cpu;
use crate::storage::{expect_shape, floats};

/// Mean over height and width: `[N, H, W, C]` to `[N, C]`, with gradient.
///
/// # Errors
/// If `x` is not a float32 tensor of four dimensions.
pub fn global_average_pool(x: &Tensor) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    x.contiguous()?.apply_op1(Pool { n, h, w, c })
}

/// Gradient of [`global_average_pool`] with respect to an input of shape `[N, H, W, C]`, given that of its
/// result.
///
/// # Errors
/// If the shapes do not fit or the gradient is not float32.
pub fn global_average_pool_gradient(input: &Shape, gradient: &Tensor) -> Result<Tensor> {
    let (n, h, w, c) = input.dims4()?;
    expect_shape("global-average-pool-gradient", "gradient", gradient, &[n, c])?;
    gradient
        .contiguous()?
        .apply_op1_no_bwd(&PoolGradient(Pool { n, h, w, c }))
}

#[derive(Clone, Copy)]
struct Pool {
    n: usize,
    h: usize,
    w: usize,
    c: usize,
}

impl CustomOp1 for Pool {
    fn name(&self) -> &'static str {
        "global-average-pool"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut out = vec![0.0; self.n * self.c];
        cpu::forward(&mut out, floats(x, layout, self.name())?, self.h * self.w, self.c);
        Ok((CpuStorage::F32(out), (self.n, self.c).into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient
            .contiguous()?
            .apply_op1_no_bwd(&PoolGradient(*self))
            .map(Some)
    }
}

struct PoolGradient(Pool);

impl CustomOp1 for PoolGradient {
    fn name(&self) -> &'static str {
        "global-average-pool-gradient"
    }

    fn cpu_fwd(&self, gradient: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Pool { n, h, w, c } = self.0;
        let mut out = vec![0.0; n * h * w * c];
        cpu::backward(&mut out, floats(gradient, layout, self.name())?, h * w, c);
        Ok((CpuStorage::F32(out), (n, h, w, c).into()))
    }
}
