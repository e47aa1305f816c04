//! Opens a device with the driver, and says why it does not open.

use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::result::DriverError;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, result, sys};
use candle_core::{Device, Error};

use crate::unavailable::CudaUnavailable;

/// The compute capability that the kernels are compiled for; all later ones run them too.
const CAPABILITY: (i32, i32) = (8, 0);
const CAPABILITY_NAME: &str = "8.0";

pub(crate) fn count() -> Result<usize, CudaUnavailable> {
    result::init().map_err(cause)?;
    check_driver()?;
    match usize::try_from(result::device::get_count().map_err(cause)?) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(CudaUnavailable::NoDevice),
    }
}

pub(crate) fn open(index: usize) -> Result<Device, CudaUnavailable> {
    let count = count()?;
    if index >= count {
        return Err(CudaUnavailable::Index { index, count });
    }
    let context = CudaContext::new(index).map_err(|error| unusable(index, &error))?;
    check_capability(&context, index)?;
    // A stream of its own: each thread has another default stream.
    let device = Device::new_cuda_with_stream(index).map_err(|error| refused(index, &error))?;
    let cuda = device.as_cuda_device().map_err(|error| refused(index, &error))?;
    // SAFETY: all work on tensors is enqueued on this device's only stream, which keeps its order. The stream that
    // copies images waits for it, and makes it wait, by events of its own (`upload.rs`).
    unsafe { cuda.disable_event_tracking() };
    keep_freed_memory(&context).map_err(|error| unusable(index, &error))?;
    Ok(device)
}

pub(crate) fn name(device: &CudaDevice) -> String {
    let name = device.cuda_stream().context().name();
    name.unwrap_or_else(|_| "CUDA".to_owned())
}

fn cause(error: DriverError) -> CudaUnavailable {
    match error.0 {
        sys::CUresult::CUDA_ERROR_NO_DEVICE => CudaUnavailable::NoDevice,
        other => CudaUnavailable::Driver(format!("{other:?}")),
    }
}

fn unusable(index: usize, error: &DriverError) -> CudaUnavailable {
    CudaUnavailable::Open {
        index,
        cause: format!("{:?}", error.0),
    }
}

fn refused(index: usize, error: &Error) -> CudaUnavailable {
    CudaUnavailable::Open {
        index,
        cause: error.to_string(),
    }
}

fn check_driver() -> Result<(), CudaUnavailable> {
    let mut found = 0;
    // SAFETY: the driver writes one integer.
    unsafe { sys::cuDriverGetVersion(&raw mut found) }
        .result()
        .map_err(cause)?;
    let needed = i32::try_from(sys::CUDA_VERSION).unwrap_or(i32::MAX);
    if found < needed {
        return Err(CudaUnavailable::OldDriver {
            found: version(found),
            needed: version(needed),
        });
    }
    Ok(())
}

/// 13000 is 13.0.
fn version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

fn check_capability(context: &CudaContext, index: usize) -> Result<(), CudaUnavailable> {
    let found = context
        .compute_capability()
        .map_err(|error| unusable(index, &error))?;
    if found < CAPABILITY {
        return Err(CudaUnavailable::OldDevice {
            name: context.name().map_err(|error| unusable(index, &error))?,
            found: format!("{}.{}", found.0, found.1),
            needed: CAPABILITY_NAME,
        });
    }
    Ok(())
}

/// Keeps the memory of freed tensors in the program; by default the driver returns it whenever the program waits.
fn keep_freed_memory(context: &CudaContext) -> Result<(), DriverError> {
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut threshold = u64::MAX;
    // SAFETY: the device is the context's, and the attribute is a 64-bit integer, which is read during the call.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device())?;
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut threshold).cast())
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_read_as_nvidia_writes_them() {
        assert_eq!(version(13000), "13.0");
        assert_eq!(version(12090), "12.9");
    }
}
