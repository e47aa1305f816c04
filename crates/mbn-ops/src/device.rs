//! Opening a CUDA device, and settings that hold for all devices.

use candle_core::Device;

use crate::unavailable::CudaUnavailable;

/// The CUDA device of this index, with one queue of work for all threads.
///
/// # Errors
/// [`CudaUnavailable`], which names the cause.
pub fn open_cuda(index: usize) -> Result<Device, CudaUnavailable> {
    #[cfg(feature = "cuda")]
    return crate::cuda::device::open(index);
    #[cfg(not(feature = "cuda"))]
    {
        // A build without CUDA opens none, whatever the index.
        let _ = index;
        Err(CudaUnavailable::NotBuilt)
    }
}

/// The number of CUDA devices, none of which it opens.
///
/// # Errors
/// [`CudaUnavailable`] if there is none.
pub fn count_cuda() -> Result<usize, CudaUnavailable> {
    #[cfg(feature = "cuda")]
    return crate::cuda::device::count();
    #[cfg(not(feature = "cuda"))]
    Err(CudaUnavailable::NotBuilt)
}

/// The driver's name for a device; `CPU` for the CPU.
pub fn device_name(device: &Device) -> String {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => crate::cuda::device::name(device),
        _ => "CPU".to_owned(),
    }
}

/// Whether products of float32 matrices may round their operands to TF32 (10 bits of mantissa) on CUDA, which makes them
/// several times as fast, with errors of about 1e-3. The default is not to. The setting holds for the whole program and
/// has no effect on the CPU.
pub fn allow_tf32(allow: bool) {
    #[cfg(feature = "cuda")]
    candle_core::cuda::set_gemm_reduced_precision_f32(allow);
    #[cfg(not(feature = "cuda"))]
    let _ = allow;
}

/// Runs `work`, many operations on tensors of `device`, and gives what it gives.
///
/// On the CPU it runs on one of rayon's threads: there an operation begins at once and shares its work with the threads that
/// are free, whereas one called from any other thread waits until a thread of rayon's has woken up, and has no part in the work.
pub fn on_workers<R: Send>(device: &Device, work: impl FnOnce() -> R + Send) -> R {
    match device.is_cpu() {
        true => rayon::scope(|_| work()),
        // What CUDA needs is bound to the calling thread.
        false => work(),
    }
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_cuda_says_so() {
        assert_eq!(open_cuda(0).unwrap_err(), CudaUnavailable::NotBuilt);
        assert_eq!(count_cuda().unwrap_err(), CudaUnavailable::NotBuilt);
        assert_eq!(device_name(&Device::Cpu), "CPU");
    }

    /// Benchmarks call engines on a pool's threads, programs on any: both must compute in the same way.
    #[test]
    fn work_on_the_cpu_runs_on_a_thread_that_computes() {
        assert_eq!(rayon::current_thread_index(), None);
        assert!(on_workers(&Device::Cpu, rayon::current_thread_index).is_some());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let threads = pool.install(|| on_workers(&Device::Cpu, rayon::current_num_threads));
        assert_eq!(threads, 1, "of the pool that it is called in");
    }
}
