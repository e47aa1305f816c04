//! The steps of the optimisers and of the moving average on CUDA: all tensors in one launch. Their shapes have been checked.

use candle_core::{Result, Tensor, bail};

use super::queue::Queue;
use super::tensors::pointers;
use crate::kernels::{self, AveragedTensor, OptimizerTensor};
use crate::operands::optim::{AdamW, AveragedTensors, Sgd, StepTensors};

pub(crate) fn sgd(sgd: &Sgd, tensors: &[StepTensors]) -> Result<()> {
    let (table, _gradients) = table("sgd", tensors)?;
    kernels::sgd_step(&queue(tensors.first().map(|t| t.parameter))?.hold(), &table, *sgd)
}

pub(crate) fn adamw(adamw: &AdamW, tensors: &[StepTensors]) -> Result<()> {
    let (table, _gradients) = table("adamw", tensors)?;
    kernels::adamw_step(
        &queue(tensors.first().map(|t| t.parameter))?.hold(),
        &table,
        *adamw,
    )
}

pub(crate) fn average(tensors: &[AveragedTensors], gain: f64) -> Result<()> {
    let op = "average";
    let entry = |tensors: &AveragedTensors| {
        let [average, value] = pointers(op, [tensors.average, tensors.value])?;
        Ok(AveragedTensor {
            average,
            value,
            len: tensors.average.elem_count(),
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

/// The kernels' table, and the contiguous gradients that it points to.
fn table(op: &str, tensors: &[StepTensors]) -> Result<(Vec<OptimizerTensor>, Vec<Tensor>)> {
    let mut gradients = Vec::with_capacity(tensors.len());
    let mut table = Vec::with_capacity(tensors.len());
    for tensors in tensors {
        let held = tensors.gradient.contiguous()?;
        let [parameter, state, gradient] = pointers(op, [tensors.parameter, tensors.state, &held])?;
        table.push(OptimizerTensor {
            parameter,
            state,
            gradient,
            len: tensors.parameter.elem_count(),
            decays: tensors.decays,
        });
        gradients.push(held);
    }
    Ok((table, gradients))
}
