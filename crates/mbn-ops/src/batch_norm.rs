//! Batch norm and the activation after it as one candle operation.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use crate::cpu::batch_norm as cpu;
use crate::storage::{expect_shape, floats};

/// Mean and biased variance of each channel.
#[derive(Clone, Debug)]
pub struct BatchStatistics {
    /// `[C]`
    pub mean: Tensor,
    /// `[C]`, divided by the number of values.
    pub variance: Tensor,
}

/// Statistics of `x` `[N, H, W, C]` over all but the channels. They carry no gradient: [`batch_norm_relu`]
/// accounts for their dependence on `x`.
///
/// # Errors
/// If `x` is not a float32 tensor of four dimensions.
pub fn batch_statistics(x: &Tensor) -> Result<BatchStatistics> {
    let (.., c) = x.dims4()?;
    let both = x.contiguous()?.apply_op1_no_bwd(&Statistics { c })?;
    Ok(BatchStatistics {
        mean: both.get(0)?,
        variance: both.get(1)?,
    })
}

/// `min(max(0, (x - mean) / sqrt(variance + epsilon) * gamma + beta), max)` with the statistics of `x` itself,
/// and its gradients. `x` is `[N, H, W, C]`, `gamma` and `beta` are `[C]`; `max` is infinity for ReLU.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn batch_norm_relu(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    statistics: &BatchStatistics,
    epsilon: f64,
    max: f32,
) -> Result<Tensor> {
    let (.., c) = x.dims4()?;
    for (name, tensor) in [("gamma", gamma), ("beta", beta), ("mean", &statistics.mean)] {
        expect_shape("batch-norm-relu", name, tensor, &[c])?;
    }
    let op = BatchNormRelu::new(statistics, epsilon, max)?;
    x.contiguous()?.apply_op2(&Tensor::stack(&[gamma, beta], 0)?, op)
}

/// Gradients of [`batch_norm_relu`] with respect to `x` (through its statistics too), `gamma` and `beta`, given
/// that of its result.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn batch_norm_relu_gradients(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    statistics: &BatchStatistics,
    epsilon: f64,
    max: f32,
    gradient: &Tensor,
) -> Result<[Tensor; 3]> {
    expect_shape("batch-norm-relu", "gradient", gradient, x.dims())?;
    let op = BatchNormRelu::new(statistics, epsilon, max)?;
    let (dx, daffine) = op.gradients(x, &Tensor::stack(&[gamma, beta], 0)?, gradient)?;
    Ok([dx, daffine.get(0)?, daffine.get(1)?])
}

/// As [`batch_norm_relu`] with given statistics, as in evaluation; has no gradient.
///
/// # Errors
/// If the shapes do not fit or a tensor is not float32.
pub fn batch_norm_relu_with(
    x: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    running: &BatchStatistics,
    epsilon: f64,
    max: f32,
) -> Result<Tensor> {
    batch_norm_relu(
        &x.detach(),
        &gamma.detach(),
        &beta.detach(),
        running,
        epsilon,
        max,
    )
}

struct Statistics {
    c: usize,
}

impl CustomOp1 for Statistics {
    fn name(&self) -> &'static str {
        "batch-statistics"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let both = cpu::statistics(floats(x, layout, self.name())?, self.c);
        Ok((CpuStorage::F32(both), (2, self.c).into()))
    }
}

/// Second argument: `[2, C]`, gamma and beta.
struct BatchNormRelu {
    /// `[2, C]`, mean and variance.
    statistics: Tensor,
    settings: Settings,
}

#[derive(Clone, Copy)]
struct Settings {
    epsilon: f64,
    max: f32,
}

impl BatchNormRelu {
    fn new(statistics: &BatchStatistics, epsilon: f64, max: f32) -> Result<Self> {
        let statistics = Tensor::stack(&[&statistics.mean, &statistics.variance], 0)?.detach();
        Ok(Self {
            statistics,
            settings: Settings { epsilon, max },
        })
    }

    /// Gradients of `x` and of `[2, C]`, gamma and beta.
    fn gradients(&self, x: &Tensor, affine: &Tensor, gradient: &Tensor) -> Result<(Tensor, Tensor)> {
        let (x, gradient) = (x.contiguous()?, gradient.contiguous()?);
        let packed = Tensor::cat(&[&self.statistics, &affine.detach()], 0)?;
        let daffine = x.apply_op3_no_bwd(&gradient, &packed, &ParameterGradients(self.settings))?;
        let packed = Tensor::cat(&[&packed, &daffine], 0)?;
        let dx = x.apply_op3_no_bwd(&gradient, &packed, &InputGradient(self.settings))?;
        Ok((dx, daffine))
    }
}

impl CustomOp2 for BatchNormRelu {
    fn name(&self) -> &'static str {
        "batch-norm-relu"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        affine: &CpuStorage,
        affine_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = floats(x, x_layout, self.name())?;
        let mut packed = self.statistics.flatten_all()?.to_vec1::<f32>()?;
        packed.extend(floats(affine, affine_layout, self.name())?);
        let mut out = vec![0.0; x.len()];
        cpu::forward(&mut out, x, unpack(&packed, packed.len() / 4, self.settings));
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        affine: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (dx, daffine) = self.gradients(x, affine, gradient)?;
        Ok((Some(dx), Some(daffine)))
    }
}

/// Splits `[k, C]` with `k >= 4`, whose first rows are mean, variance, gamma and beta.
fn unpack(packed: &[f32], c: usize, settings: Settings) -> cpu::Constants<'_> {
    let row = |i: usize| &packed[i * c..(i + 1) * c];
    let Settings { epsilon, max } = settings;
    cpu::Constants {
        mean: row(0),
        variance: row(1),
        epsilon,
        gamma: row(2),
        beta: row(3),
        max,
    }
}

/// Arguments: `x`, its result's gradient, `[4, C]` constants.
struct ParameterGradients(Settings);

impl CustomOp3 for ParameterGradients {
    fn name(&self) -> &'static str {
        "batch-norm-relu-parameter-gradients"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        packed: &CpuStorage,
        packed_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = floats(x, x_layout, self.name())?;
        let gradient = floats(gradient, gradient_layout, self.name())?;
        let packed = floats(packed, packed_layout, self.name())?;
        let sums = cpu::parameter_gradients(x, gradient, unpack(packed, packed.len() / 4, self.0));
        let shape = (2, sums.len() / 2).into();
        Ok((CpuStorage::F32(sums), shape))
    }
}

/// Arguments: `x`, its result's gradient, `[6, C]`: constants and the parameters' gradients.
struct InputGradient(Settings);

impl CustomOp3 for InputGradient {
    fn name(&self) -> &'static str {
        "batch-norm-relu-input-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        packed: &CpuStorage,
        packed_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = floats(x, x_layout, self.name())?;
        let gradient = floats(gradient, gradient_layout, self.name())?;
        let packed = floats(packed, packed_layout, self.name())?;
        let constants = unpack(packed, packed.len() / 6, self.0);
        let (dgamma, dbeta) = packed[4 * constants.mean.len()..].split_at(constants.mean.len());
        let mut dx = vec![0.0; x.len()];
        cpu::input_gradient(&mut dx, x, gradient, constants, dgamma, dbeta);
        Ok((CpuStorage::F32(dx), x_layout.shape().clone()))
    }
}
