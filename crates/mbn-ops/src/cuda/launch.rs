//! How kernels meet candle's CUDA tensors.

use std::cell::RefCell;

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr};
use candle_core::cuda_backend::{CudaStorage, CudaStorageSlice};
use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Storage, Tensor, bail};

use super::queue::{Held, Queue};
use crate::descriptors::kernel::Kernel;
use crate::kernels::{ElementType, Pointer};
use crate::operands::checks::{contiguous, expect_apart};

/// A [`Kernel`] that runs on CUDA too.
pub(crate) trait CudaKernel: Kernel {
    /// Enqueues what writes `out`.
    fn cuda(&self, queue: &Held, out: Destination) -> Result<Self::Side>;
}

/// Where a kernel's result goes.
#[derive(Clone, Copy)]
pub(crate) struct Destination {
    pub pointer: Pointer,
    pub element: ElementType,
}

impl Destination {
    /// The address of a result that can only be float32.
    pub fn float(self, op: &str) -> Result<Pointer> {
        match self.element {
            ElementType::F32 => Ok(self.pointer),
            ElementType::Bf16 => bail!("{op}: the result is {:?}, expected {:?}", DType::BF16, DType::F32),
        }
    }
}

/// Runs `kernel` on `out`, a contiguous tensor on the device.
///
/// # Errors
/// If it is in the storage of an input, or the kernel fails.
pub(crate) fn run<K: CudaKernel>(kernel: &K, out: &Tensor) -> Result<K::Side> {
    expect_apart(K::NAME, out, kernel.inputs())?;
    run_with(K::NAME, out, |queue, destination| kernel.cuda(queue, destination))
}

/// Runs `work` with the queue of a tensor's device and the tensor's address, as an operation that changes the tensor.
pub(super) fn run_with<R>(
    op: &'static str,
    out: &Tensor,
    work: impl Fn(&Held, Destination) -> Result<R>,
) -> Result<R> {
    let run = Run {
        op,
        work,
        result: RefCell::new(None),
    };
    out.inplace_op1(&run)?;
    match run.result.into_inner() {
        Some(result) => Ok(result),
        None => bail!("{op}: the device returned nothing"),
    }
}

struct Run<F, R> {
    op: &'static str,
    work: F,
    result: RefCell<Option<R>>,
}

impl<R, F: Fn(&Held, Destination) -> Result<R>> InplaceOp1 for Run<F, R> {
    fn name(&self) -> &'static str {
        self.op
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        bail!("{}: the result is on the CPU, expected the CUDA device", self.op)
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let result = with_queue(self.op, storage, layout, &self.work)?;
        self.result.replace(Some(result));
        Ok(())
    }
}

/// Runs `work` with the queue of a tensor's device and the tensor's address.
pub(super) fn with_queue<R>(
    op: &str,
    storage: &CudaStorage,
    layout: &Layout,
    work: impl FnOnce(&Held, Destination) -> Result<R>,
) -> Result<R> {
    let (dtype, element) = match storage.slice {
        CudaStorageSlice::F32(_) => (DType::F32, ElementType::F32),
        CudaStorageSlice::BF16(_) => (DType::BF16, ElementType::Bf16),
        _ => bail!("{op}: the result is neither float32 nor bfloat16"),
    };
    let pointer = address(op, storage, layout, dtype)?;
    let queue = Queue::of(&storage.device)?;
    work(&queue.hold(), Destination { pointer, element })
}

/// The address of the first element of a contiguous tensor of type `dtype`, the one that the kernel reads or writes: the
/// address alone does not tell. It stays valid for all work that is enqueued while the tensor is alive: memory is freed in
/// the stream's order.
pub(super) fn pointer(op: &str, tensor: &Tensor, dtype: DType) -> Result<Pointer> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cuda(storage) => address(op, storage, layout, dtype),
        _ => bail!("{op}: a tensor is not on the CUDA device"),
    }
}

fn address(op: &str, storage: &CudaStorage, layout: &Layout, dtype: DType) -> Result<Pointer> {
    let start = contiguous(layout, op)?.start;
    let base = match (&storage.slice, dtype) {
        (CudaStorageSlice::F32(slice), DType::F32) => base(slice),
        (CudaStorageSlice::BF16(slice), DType::BF16) => base(slice),
        (CudaStorageSlice::U32(slice), DType::U32) => base(slice),
        _ => bail!("{op}: a tensor is not of the type {dtype:?} that the kernel reads"),
    };
    Ok(base + (start * dtype.size_in_bytes()) as Pointer)
}

/// The kernels' name of a type that activations can have.
pub(super) fn element_of(op: &str, dtype: DType) -> Result<ElementType> {
    match dtype {
        DType::F32 => Ok(ElementType::F32),
        DType::BF16 => Ok(ElementType::Bf16),
        other => bail!("{op}: an activation is {other:?}, expected F32 or BF16"),
    }
}

/// candle's name of a type that activations can have.
pub(super) fn type_of(element: ElementType) -> DType {
    match element {
        ElementType::F32 => DType::F32,
        ElementType::Bf16 => DType::BF16,
    }
}

fn base<T>(slice: &CudaSlice<T>) -> Pointer {
    slice.device_ptr(slice.stream()).0
}
