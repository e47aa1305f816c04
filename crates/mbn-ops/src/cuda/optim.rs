//! The optimisers' steps on CUDA: all tensors in one launch.

use candle_core::{DType, Result, Tensor, bail};

use super::launch::pointer;
use super::queue::Queue;
use crate::kernels::{self, OptimizerTensor};
use crate::operands::checks::{expect_shape, expect_type};
use crate::operands::optim::{AdamW, Sgd, StepTensors};

pub(crate) fn sgd(sgd: &Sgd, tensors: &[StepTensors]) -> Result<()> {
    let (table, _gradients) = table("sgd", tensors, &[])?;
    kernels::sgd_step(&queue(tensors)?.hold(), &table, *sgd)
}

pub(crate) fn adamw(adamw: &AdamW, tensors: &[StepTensors]) -> Result<()> {
    let (table, _gradients) = table("adamw", tensors, &[2])?;
    kernels::adamw_step(&queue(tensors)?.hold(), &table, *adamw)
}

fn queue(tensors: &[StepTensors]) -> Result<Queue> {
    match tensors.first() {
        Some(first) => Queue::of(first.parameter.device().as_cuda_device()?),
        None => bail!("no parameters"),
    }
}

/// The kernels' table, and the contiguous gradients that it points to. A state has the parameter's shape after
/// `state_shape`.
fn table(
    op: &str,
    tensors: &[StepTensors],
    state_shape: &[usize],
) -> Result<(Vec<OptimizerTensor>, Vec<Tensor>)> {
    let mut gradients = Vec::with_capacity(tensors.len());
    let mut table = Vec::with_capacity(tensors.len());
    for tensors in tensors {
        let StepTensors {
            parameter,
            state,
            decays,
            ..
        } = *tensors;
        let gradient = tensors.gradient.contiguous()?;
        expect_shape(op, "gradient", &gradient, parameter.dims())?;
        expect_shape(op, "state", state, &[state_shape, parameter.dims()].concat())?;
        for tensor in [parameter, state, &gradient] {
            expect_type(op, tensor, DType::F32)?;
        }
        table.push(OptimizerTensor {
            parameter: pointer(op, parameter)?,
            state: pointer(op, state)?,
            gradient: pointer(op, &gradient)?,
            len: parameter.elem_count(),
            decays,
        });
        gradients.push(gradient);
    }
    Ok((table, gradients))
}
