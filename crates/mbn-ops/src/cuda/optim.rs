//! The steps of the optimisers and of the moving average on CUDA: all tensors in one launch.

use candle_core::{DType, Result, Tensor, bail};

use super::launch::pointer;
use super::queue::Queue;
use crate::kernels::{self, AveragedTensor, OptimizerTensor};
use crate::operands::checks::{expect_shape, expect_type};
use crate::operands::optim::{AdamW, AveragedTensors, Sgd, StepTensors};

pub(crate) fn sgd(sgd: &Sgd, tensors: &[StepTensors]) -> Result<()> {
    let (table, _gradients) = table("sgd", tensors, &[])?;
    kernels::sgd_step(&queue(tensors.first().map(|t| t.parameter))?.hold(), &table, *sgd)
}

pub(crate) fn adamw(adamw: &AdamW, tensors: &[StepTensors]) -> Result<()> {
    let (table, _gradients) = table("adamw", tensors, &[2])?;
    kernels::adamw_step(
        &queue(tensors.first().map(|t| t.parameter))?.hold(),
        &table,
        *adamw,
    )
}

pub(crate) fn average(tensors: &[AveragedTensors], gain: f64) -> Result<()> {
    let op = "average";
    let entry = |&AveragedTensors { average, value }: &AveragedTensors| {
        expect_shape(op, "the value", value, average.dims())?;
        for tensor in [average, value] {
            expect_type(op, tensor, DType::F32)?;
        }
        Ok(AveragedTensor {
            average: pointer(op, average)?,
            value: pointer(op, value)?,
            len: average.elem_count(),
        })
    };
    let table: Vec<_> = tensors.iter().map(entry).collect::<Result<_>>()?;
    kernels::average_step(&queue(tensors.first().map(|t| t.average))?.hold(), &table, gain)
}

/// The queue of the device where the first tensor is.
fn queue(first: Option<&Tensor>) -> Result<Queue> {
    match first {
        Some(first) => Queue::of(first.device().as_cuda_device()?),
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
