//! How kernels meet candle's tensors.

use std::cell::RefCell;
use std::ops::Range;

use candle_core::{
    CpuStorage, DType, InplaceOp1, Layout, Result, Storage, StorageRef, Tensor, WithDType, bail,
};
use half::bf16;

use crate::element::Element;

/// A computation that writes one tensor, or changes it in place. What else it finds (sums over that tensor, the
/// gradients of small parameters) comes back beside it: candle's operations have a single result.
pub(crate) trait Kernel {
    /// For messages.
    const NAME: &'static str;
    /// What comes back beside the written tensor.
    type Side;

    /// Writes `out`, in the format of the tensor.
    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<Self::Side>;

    /// The same where all tensors are float64.
    fn double(&self, out: &mut [f64]) -> Result<Self::Side>;
}

#[cfg(feature = "cuda")]
use crate::cuda::CudaKernel;

/// Without CUDA, what a kernel does on the CPU is all that it does.
#[cfg(not(feature = "cuda"))]
pub(crate) trait CudaKernel: Kernel {}

#[cfg(not(feature = "cuda"))]
impl<K: Kernel> CudaKernel for K {}

/// Runs `kernel` on `out`, a contiguous tensor that none of its inputs shares.
pub(crate) fn launch<K: CudaKernel>(kernel: &K, out: &Tensor) -> Result<K::Side> {
    let launch = Launch {
        kernel,
        side: RefCell::new(None),
    };
    out.inplace_op1(&launch)?;
    let Some(side) = launch.side.into_inner() else {
        bail!("{}: the device returned nothing", K::NAME)
    };
    Ok(side)
}

struct Launch<'a, K: Kernel> {
    kernel: &'a K,
    side: RefCell<Option<K::Side>>,
}

impl<K: CudaKernel> InplaceOp1 for Launch<'_, K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let range = contiguous(layout, K::NAME)?;
        let side = match storage {
            CpuStorage::F32(values) => self.kernel.cpu::<f32>(&mut values[range]),
            CpuStorage::BF16(values) => self.kernel.cpu::<bf16>(&mut values[range]),
            CpuStorage::F64(values) => self.kernel.double(&mut values[range]),
            _ => bail!("{}: the result is not float32, bfloat16 or float64", K::NAME),
        }?;
        self.side.replace(Some(side));
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &mut candle_core::CudaStorage, layout: &Layout) -> Result<()> {
        let side = crate::cuda::cuda_fwd(self.kernel, storage, layout)?;
        self.side.replace(Some(side));
        Ok(())
    }
}

/// Read access to a contiguous tensor on the CPU.
pub(crate) struct Reader<'a> {
    op: &'static str,
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl<'a> Reader<'a> {
    pub fn new(op: &'static str, tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let range = contiguous(layout, op)?;
        if range.is_empty() {
            // There are no statistics of nothing, and kernels split the work into parts of at least one row.
            bail!(
                "{op}: a tensor of shape {:?} has no elements; a batch needs at least one image",
                tensor.dims()
            )
        }
        Ok(Self { op, storage, range })
    }

    /// The values, if they are of this format.
    pub fn values<T: WithDType>(&self) -> Result<&[T]> {
        let Storage::Cpu(storage) = &*self.storage else {
            bail!("{}: a tensor is not on the CPU", self.op)
        };
        match T::cpu_storage_as_slice(storage) {
            Ok(values) => Ok(&values[self.range.clone()]),
            Err(error) => bail!("{}: {error}", self.op),
        }
    }
}

pub(crate) fn contiguous(layout: &Layout, op: &str) -> Result<Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!("{op}: a tensor is not contiguous"),
    }
}

/// An error unless `tensor` has the given shape.
pub(crate) fn expect_shape(op: &str, name: &str, tensor: &Tensor, shape: &[usize]) -> Result<()> {
    if tensor.dims() != shape {
        bail!("{op}: {name} has shape {:?}, expected {shape:?}", tensor.dims());
    }
    Ok(())
}

/// An error unless `tensor` has the given format, which has to be one that activations can have.
pub(crate) fn expect_type(op: &str, tensor: &Tensor, dtype: DType) -> Result<()> {
    if !matches!(dtype, DType::F32 | DType::BF16 | DType::F64) {
        bail!("{op}: activations are {dtype:?}, expected F32, BF16 or F64");
    }
    if tensor.dtype() != dtype {
        bail!("{op}: a tensor is {:?}, expected {dtype:?}", tensor.dtype());
    }
    Ok(())
}

/// The format of all that is not an activation or its gradient, given that of these.
pub(crate) fn parameter_type(activations: DType) -> DType {
    if activations == DType::F64 {
        DType::F64
    } else {
        DType::F32
    }
}

/// A kernel's result where it can only be float32.
pub(crate) fn float_result<'a, T: Element>(op: &str, out: &'a mut [T]) -> Result<&'a mut [f32]> {
    match T::as_f32_mut(out) {
        Some(out) => Ok(out),
        None => bail!("{op}: the result is {:?}, expected {:?}", T::DTYPE, DType::F32),
    }
}
