//! Softmax cross entropy on CUDA: the loss and the gradient of the logits in one pass.

use candle_core::{CpuStorage, CudaStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};

use super::launch::{address, empty, pointer, with_queue};
use crate::gpu;
use crate::launch::{expect_shape, expect_type};

const NAME: &str = "cross-entropy";

/// Mean cross entropy of `logits` `[N, K]`, float32, against class indices `labels` `[N]` (U32), with label smoothing,
/// for CUDA tensors. candle's backward pass through it reads a gradient that is there already. A label that is not
/// below `K` makes the loss not a number.
///
/// # Errors
/// If the shapes or formats do not fit, or a tensor is not on the device or not contiguous.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f32) -> Result<Tensor> {
    expect_shape(NAME, "labels", labels, &[logits.dims2()?.0])?;
    if labels.dtype() != DType::U32 {
        bail!(
            "{NAME}: labels are {:?}, expected {:?}",
            labels.dtype(),
            DType::U32
        );
    }
    let target = gpu::Target::Labels {
        labels: pointer(NAME, labels)?,
        smoothing,
    };
    against(logits, labels, target)
}

/// [`cross_entropy`] against `targets` `[N, K]`, float32, the weight of each class, which need not sum to one.
///
/// # Errors
/// If the shapes or formats do not fit, or a tensor is not on the device or not contiguous.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    expect_shape(NAME, "targets", targets, logits.dims())?;
    expect_type(NAME, targets, DType::F32)?;
    let target = gpu::Target::Probabilities(pointer(NAME, targets)?);
    against(logits, targets, target)
}

/// The loss against `target`, which points into `owner`.
fn against(logits: &Tensor, owner: &Tensor, target: gpu::Target) -> Result<Tensor> {
    let (n, k) = logits.dims2()?;
    expect_type(NAME, logits, DType::F32)?;
    logits.apply_op1(CrossEntropy {
        extent: [n, k],
        target,
        _owner: owner.clone(),
        gradient: empty((n, k), logits)?,
    })
}

struct CrossEntropy {
    extent: [usize; 2],
    target: gpu::Target,
    /// Keeps the target's memory.
    _owner: Tensor,
    /// Of the logits, written by the forward pass.
    gradient: Tensor,
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
        // SAFETY: the kernel writes it before anything reads it.
        let loss = unsafe { device.alloc::<f32>(1) }?;
        let loss = CudaStorage::wrap_cuda_slice(loss, device.clone());
        let out = gpu::Loss {
            loss: address(NAME, &loss, &Layout::contiguous(()))?,
            gradient: pointer(NAME, &self.gradient)?,
        };
        let scale = 1.0 / self.extent[0] as f32;
        with_queue(NAME, storage, layout, |queue, logits| {
            let logits = logits.float(NAME)?;
            gpu::cross_entropy(queue, self.extent, logits, self.target, scale, out)
        })?;
        Ok((loss, Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, of_loss: &Tensor) -> Result<Option<Tensor>> {
        self.gradient.broadcast_mul(of_loss).map(Some)
    }
}
