//! Softmax cross entropy on CUDA: the loss, the gradient of the logits and what they predict in one pass; and the sums over
//! steps.

use candle_core::{DType, Device, Result, Shape, Tensor};

use super::allocation::filled_as;
use super::launch::{CudaKernel, Destination, pointer};
use super::queue::{Held, Queue};
use crate::descriptors::kernel::Kernel;
use crate::descriptors::loss::Tally;
use crate::kernels::{self, LossTarget, Pointer};
use crate::operands::checks::{expect_floats, expect_shape, expect_type};
use crate::operands::loss::{CrossEntropy, Scores};

const NAME: &str = "cross-entropy";

/// Mean cross entropy of `logits` `[N, K]`, float32, against class indices `labels` `[N]` (U32), with label smoothing,
/// for CUDA tensors. A label that is not below `K` makes the loss NaN.
///
/// # Errors
/// If the shapes or types do not fit, or a tensor is not on the device or not contiguous.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f32) -> Result<CrossEntropy> {
    differentiated(logits, against_labels(logits, labels, smoothing)?)
}

/// [`cross_entropy`] against `targets` `[N, K]`, float32, the weight of each class, which need not sum to one.
///
/// # Errors
/// If the shapes or types do not fit, or a tensor is not on the device or not contiguous.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<CrossEntropy> {
    expect_floats(NAME, &[("targets", targets)], logits.dims())?;
    let targets = pointer(NAME, targets, DType::F32)?;
    differentiated(logits, LossTarget::Probabilities(targets))
}

/// Mean cross entropy of `logits` `[N, K]`, float32, against class indices `labels` `[N]` (U32), and the predicted classes
/// with their probabilities, for CUDA tensors.
///
/// # Errors
/// If the shapes or types do not fit, or a tensor is not on the device or not contiguous.
pub fn scores(logits: &Tensor, labels: &Tensor) -> Result<Scores> {
    let target = against_labels(logits, labels, 0.0)?;
    let n = logits.dim(0)?;
    let [loss, predicted, probability] =
        run(logits, target, n.into(), |probability| [None, Some(probability)])?;
    Ok(Scores {
        loss,
        predicted,
        probability,
    })
}

fn against_labels(logits: &Tensor, labels: &Tensor, smoothing: f32) -> Result<LossTarget> {
    expect_shape(NAME, "labels", labels, &[logits.dims2()?.0])?;
    expect_type(NAME, "labels", labels, DType::U32)?;
    Ok(LossTarget::Labels {
        labels: pointer(NAME, labels, DType::U32)?,
        smoothing,
    })
}

fn differentiated(logits: &Tensor, target: LossTarget) -> Result<CrossEntropy> {
    let shape = logits.shape().clone();
    let [mean, predicted, gradient] = run(logits, target, shape, |gradient| [Some(gradient), None])?;
    Ok(CrossEntropy {
        mean,
        gradient,
        predicted,
    })
}

/// Loss, predicted classes, and a float32 tensor of the given shape that is written as the gradient or as the
/// probabilities, as `third` says.
fn run(
    logits: &Tensor,
    target: LossTarget,
    shape: Shape,
    third: impl FnOnce(Pointer) -> [Option<Pointer>; 2],
) -> Result<[Tensor; 3]> {
    let (n, k) = logits.dims2()?;
    expect_type(NAME, "logits", logits, DType::F32)?;
    let address = pointer(NAME, logits, DType::F32)?;
    let device = logits.device().as_cuda_device()?;
    let queue = Queue::of(device)?;
    let tensors = [
        (().into(), DType::F32),
        (n.into(), DType::U32),
        (shape, DType::F32),
    ];
    let scale = 1.0 / n as f32;
    let fill = |[loss, predicted, pointer]: [Pointer; 3]| {
        let [gradient, probability] = third(pointer);
        let out = kernels::Loss {
            loss,
            predicted,
            gradient,
            probability,
        };
        kernels::cross_entropy(&queue.hold(), [n, k], address, target, scale, out)
    };
    let (tensors, ()) = filled_as(NAME, &Device::Cuda(device.clone()), tensors, fill)?;
    Ok(tensors)
}

impl CudaKernel for Tally<'_> {
    fn cuda(&self, queue: &Held, out: Destination) -> Result<()> {
        let name = Self::NAME;
        let classes = |tensor| pointer(name, tensor, DType::U32);
        let classes = [classes(self.predicted)?, classes(self.labels)?];
        let (n, loss) = (self.labels.elem_count(), pointer(name, self.loss, DType::F32)?);
        kernels::tally(queue, n, loss, classes, out.float(name)?)
    }
}
