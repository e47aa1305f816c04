//! How kernels meet candle's CUDA tensors.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr};
use candle_core::cuda_backend::{CudaStorage, CudaStorageSlice};
use candle_core::{DType, Layout, Result, Shape, Storage, Tensor, bail};

use super::queue::{Held, Queue};
use crate::gpu::{Format, Pointer};
use crate::launch::{Kernel, contiguous};

/// A [`Kernel`] that runs on CUDA too.
pub(crate) trait CudaKernel: Kernel {
    /// Enqueues what writes `out`.
    fn cuda(&self, queue: &Held, out: Target) -> Result<Self::Side>;
}

/// Where a kernel's result goes.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub pointer: Pointer,
    pub format: Format,
}

impl Target {
    /// The address of a result that can only be float32.
    pub fn float(self, op: &str) -> Result<Pointer> {
        match self.format {
            Format::F32 => Ok(self.pointer),
            Format::Bf16 => bail!("{op}: the result is {:?}, expected {:?}", DType::BF16, DType::F32),
        }
    }
}

/// Runs `kernel` on a tensor's memory.
pub(crate) fn cuda_fwd<K: CudaKernel>(kernel: &K, storage: &CudaStorage, layout: &Layout) -> Result<K::Side> {
    with_queue(K::NAME, storage, layout, |queue, out| kernel.cuda(queue, out))
}

/// Runs `work` with the queue of a tensor's device and the tensor's address.
pub(super) fn with_queue<R>(
    op: &str,
    storage: &CudaStorage,
    layout: &Layout,
    work: impl FnOnce(&Held, Target) -> Result<R>,
) -> Result<R> {
    let pointer = address(op, storage, layout)?;
    let format = match storage.slice {
        CudaStorageSlice::F32(_) => Format::F32,
        CudaStorageSlice::BF16(_) => Format::Bf16,
        _ => bail!("{op}: the result is neither float32 nor bfloat16"),
    };
    let queue = Queue::of(&storage.device)?;
    work(&queue.hold(), Target { pointer, format })
}

/// The address of a contiguous tensor's first element. It stays valid for all work that is enqueued while the tensor
/// is alive: memory is freed in the stream's order.
pub(crate) fn pointer(op: &str, tensor: &Tensor) -> Result<Pointer> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cuda(storage) => address(op, storage, layout),
        _ => bail!("{op}: a tensor is not on the CUDA device"),
    }
}

pub(super) fn address(op: &str, storage: &CudaStorage, layout: &Layout) -> Result<Pointer> {
    let start = contiguous(layout, op)?.start;
    let (base, size) = match &storage.slice {
        CudaStorageSlice::F32(slice) => (base(slice), 4),
        CudaStorageSlice::BF16(slice) => (base(slice), 2),
        CudaStorageSlice::U8(slice) => (base(slice), 1),
        CudaStorageSlice::U32(slice) => (base(slice), 4),
        _ => bail!("{op}: a tensor has a format that no kernel reads"),
    };
    Ok(base + (start * size) as Pointer)
}

/// The kernels' name of a format that activations can have.
pub(crate) fn format_of(dtype: DType) -> Format {
    if dtype == DType::BF16 {
        Format::Bf16
    } else {
        Format::F32
    }
}

fn base<T>(slice: &CudaSlice<T>) -> Pointer {
    slice.device_ptr(slice.stream()).0
}

/// A tensor of any content, to be written by a kernel.
pub(crate) fn empty(shape: impl Into<Shape>, like: &Tensor) -> Result<Tensor> {
    // SAFETY: the caller hands it to a kernel that writes all of it before anything reads it.
    unsafe { Tensor::empty(shape, DType::F32, like.device()) }
}
