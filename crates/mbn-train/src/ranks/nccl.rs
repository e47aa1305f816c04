//! Sums over GPUs by NCCL.

use anyhow::{Context, Result};
use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::driver::DevicePtrMut;
use candle_core::cuda_backend::{CudaDevice, WrapErr};
use candle_core::{CpuStorage, CudaStorage, Device, Error, InplaceOp1, Layout, Tensor, bail};
use mbn_cli::Hint;
use mbn_collectives::{CollectivesError, Nccl, NcclId, NcclRank};

use super::connect::Transport;
use super::devices::DeviceSums;

/// The library, and the device to join with.
pub(super) struct Loaded {
    nccl: Nccl,
    device: CudaDevice,
}

/// A rank that has joined. It leaves NCCL before it lets go of the device: fields are dropped in their order.
struct Joined {
    rank: NcclRank,
    device: CudaDevice,
    version: String,
}

/// Tells a device from all others; empty for the CPU.
pub(super) fn identity(device: &Device) -> Result<Vec<u8>> {
    let Device::Cuda(device) = device else {
        return Ok(Vec::new());
    };
    let uuid = device.cuda_stream().context().uuid().w()?;
    Ok(uuid.bytes.map(|byte| byte as u8).to_vec())
}

/// Loads NCCL for a CUDA device.
pub(super) fn load(device: &Device) -> Result<Loaded> {
    let nccl = match Nccl::find() {
        Err(missing @ CollectivesError::NcclNotFound { .. }) => Err(missing).hint(|| {
            "install NCCL 2, as NVIDIA's package `libnccl2` or the Python package `nvidia-nccl-cu13`, and put the folder of \
             `libnccl.so.2` into `LD_LIBRARY_PATH` for all ranks; a build without the feature `nccl` does without it"
                .to_owned()
        })?,
        found => found?,
    };
    let device = device.as_cuda_device()?.clone();
    Ok(Loaded { nccl, device })
}

impl Transport for Loaded {
    fn make_id(&self) -> Result<Vec<u8>> {
        Ok(self.nccl.make_id()?.0.to_vec())
    }

    fn join(self, id: &[u8], rank: usize, size: usize) -> Result<Box<dyn DeviceSums>> {
        let id = id.try_into().map(NcclId).context("an identifier of NCCL")?;
        // NCCL joins with the device whose context this thread has.
        self.device.cuda_stream().context().bind_to_thread().w()?;
        let joined = self.nccl.join(id, rank, size).hint(|| {
            "`NCCL_DEBUG=WARN` makes NCCL say more; `NCCL_SOCKET_IFNAME` names the network between machines".to_owned()
        })?;
        Ok(Box::new(Joined {
            rank: joined,
            version: self.nccl.describe()?,
            device: self.device,
        }))
    }
}

impl DeviceSums for Joined {
    fn describe(&self) -> String {
        self.version.clone()
    }

    fn sum(&self, values: &Tensor) -> Result<()> {
        Ok(values.inplace_op1(self)?)
    }
}

impl InplaceOp1 for Joined {
    fn name(&self) -> &'static str {
        "sum over ranks"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
        bail!("NCCL adds up values on CUDA devices, and these are on the CPU")
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> candle_core::Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("NCCL adds up contiguous values only")
        };
        if !storage.device().same_device(&self.device) {
            bail!("the values are not on the device that joined NCCL")
        }
        let stream = self.device.cuda_stream();
        let mut values = storage.as_cuda_slice_mut::<f32>()?.slice_mut(start..end);
        let (address, _writes) = values.device_ptr_mut(&stream);
        // SAFETY: the view has as many float32 values on the device that joined, and the stream is the only one that works on
        // tensors (`mbn_ops::open_cuda`): whatever uses or frees the values later does so in its order.
        unsafe { self.rank.sum(address, end - start, stream.cu_stream().cast()) }.map_err(Error::wrap)
    }
}
