//! How kernels meet candle's tensors.

use std::cell::RefCell;
use std::ops::Range;

use candle_core::{
    CpuStorage, DType, InplaceOp1, Layout, Result, Storage, StorageRef, Tensor, WithDType, bail,
};
use half::bf16;

use crate::operands::checks::{contiguous, expect_apart};
use crate::operands::element::Element;

/// A computation that writes one tensor, or changes it in place. Its other results (sums over that tensor, the gradients
/// of small parameters) come back beside it: candle's operations have a single result.
pub(crate) trait Kernel {
    /// For messages.
    const NAME: &'static str;
    /// What comes back beside the written tensor.
    type Side;

    /// All tensors that it reads, none of which may be in the storage of what it writes.
    fn inputs(&self) -> Vec<&Tensor>;

    /// Writes `out`, of the tensor's type.
    fn cpu<T: Element>(&self, out: &mut [T]) -> Result<Self::Side>;
}

/// Runs `kernel` on `out`, a contiguous tensor on the CPU.
///
/// # Errors
/// If it is in the storage of an input, or the kernel fails.
pub(crate) fn run_on_cpu<K: Kernel>(kernel: &K, out: &Tensor) -> Result<K::Side> {
    expect_apart(K::NAME, out, kernel.inputs())?;
    let run = Run {
        kernel,
        side: RefCell::new(None),
    };
    out.inplace_op1(&run)?;
    let Some(side) = run.side.into_inner() else {
        bail!("{}: the device returned nothing", K::NAME)
    };
    Ok(side)
}

struct Run<'a, K: Kernel> {
    kernel: &'a K,
    side: RefCell<Option<K::Side>>,
}

impl<K: Kernel> InplaceOp1 for Run<'_, K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let range = contiguous(layout, K::NAME)?;
        let side = match storage {
            CpuStorage::F32(values) => self.kernel.cpu::<f32>(&mut values[range]),
            CpuStorage::BF16(values) => self.kernel.cpu::<bf16>(&mut values[range]),
            _ => bail!("{}: the result is neither float32 nor bfloat16", K::NAME),
        }?;
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
            // An empty batch has no statistics, and kernels split the work into parts of at least one row.
            bail!(
                "{op}: a tensor of shape {:?} has no elements; a batch needs at least one image",
                tensor.dims()
            )
        }
        Ok(Self { op, storage, range })
    }

    /// The values, if they are of type `T`.
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

/// A kernel's result where it can only be float32.
pub(crate) fn float_result<'a, T: Element>(op: &str, out: &'a mut [T]) -> Result<&'a mut [f32]> {
    match T::as_f32_mut(out) {
        Some(out) => Ok(out),
        None => bail!("{op}: the result is {:?}, expected {:?}", T::DTYPE, DType::F32),
    }
}
