//! Softmax cross entropy on CUDA: the loss and the gradient of the logits in one pass.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CudaStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::allocation::filled;
use super::launch::{address, pointer, with_queue};
use crate::kernels::{self, LossTarget};
use crate::operands::checks::{expect_shape, expect_type};

const NAME: &str = "cross-entropy";

/// Mean cross entropy of `logits` `[N, K]`, float32, against class indices `labels` `[N]` (U32), with label smoothing,
/// for CUDA tensors. The forward pass computes the gradient too; candle's backward pass only reads it. A label that is
/// not below `K` makes the loss NaN.
///
/// # Errors
/// If the shapes or types do not fit, or a tensor is not on the device or not contiguous.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f32) -> Result<Tensor> {
    expect_shape(NAME, "labels", labels, &[logits.dims2()?.0])?;
    if labels.dtype() != DType::U32 {
        bail!(
            "{NAME}: labels are {:?}, expected {:?}",
            labels.dtype(),
            DType::U32
        );
    }
    let target = LossTarget::Labels {
        labels: pointer(NAME, labels)?,
        smoothing,
    };
    against(logits, labels, target)
}

/// [`cross_entropy`] against `targets` `[N, K]`, float32, the weight of each class, which need not sum to one.
///
/// # Errors
/// If the shapes or types do not fit, or a tensor is not on the device or not contiguous.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    expect_shape(NAME, "targets", targets, logits.dims())?;
    expect_type(NAME, targets, DType::F32)?;
    let target = LossTarget::Probabilities(pointer(NAME, targets)?);
    against(logits, targets, target)
}

/// The loss against `target`, which points into `owner`.
fn against(logits: &Tensor, owner: &Tensor, target: LossTarget) -> Result<Tensor> {
    let (n, k) = logits.dims2()?;
    expect_type(NAME, logits, DType::F32)?;
    logits.apply_op1(CrossEntropy {
        extent: [n, k],
        target,
        _owner: owner.clone(),
        gradient: OnceLock::new(),
    })
}

struct CrossEntropy {
    extent: [usize; 2],
    target: LossTarget,
    /// Keeps the target's memory alive.
    _owner: Tensor,
    /// Gradient of the logits, from the forward pass.
    gradient: OnceLock<Tensor>,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("{NAME}: the logits are on the CPU, the labels are not")
    }

    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = &storage.device;
        // SAFETY: the kernel below writes it before anything reads it.
        let loss = unsafe { device.alloc::<f32>(1) }?;
        let loss = CudaStorage::wrap_cuda_slice(loss, device.clone());
        let address = address(NAME, &loss, &Layout::contiguous(()))?;
        let scale = 1.0 / self.extent[0] as f32;
        let shape = self.extent.as_slice().into();
        let device = Device::Cuda(device.clone());
        let ([gradient], ()) = filled(NAME, &device, [shape], |[gradient]| {
            with_queue(NAME, storage, layout, |queue, logits| {
                let out = kernels::Loss {
                    loss: address,
                    gradient,
                };
                let logits = logits.float(NAME)?;
                kernels::cross_entropy(queue, self.extent, logits, self.target, scale, out)
            })
        })?;
        // One pass for each loss, so there is none yet.
        let _ = self.gradient.set(gradient);
        Ok((loss, Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, of_loss: &Tensor) -> Result<Option<Tensor>> {
        match self.gradient.get() {
            Some(gradient) => gradient.broadcast_mul(of_loss).map(Some),
            None => bail!("{NAME}: the forward pass left no gradient"),
        }
    }
}
