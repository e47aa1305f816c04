//! The CUDA device, which the tests of a program take in turn.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use candle_core::Device;
use mbn_ops::{CudaUnavailable, allow_tf32, open_cuda};
use mbn_testing::Needs;

static DEVICE: LazyLock<Result<Device, CudaUnavailable>> = LazyLock::new(|| open_cuda(0));
static TURN: Mutex<()> = Mutex::new(());

/// The device, for one test at a time.
pub struct Cuda {
    pub device: Device,
    _turn: MutexGuard<'static, ()>,
}

/// Skips the calling test and returns `None` where there is no device.
pub fn cuda() -> Option<Cuda> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    match &*DEVICE {
        Ok(device) => {
            allow_tf32(false);
            Some(Cuda {
                device: device.clone(),
                _turn: turn,
            })
        }
        Err(error) => {
            mbn_testing::skip(Needs::Gpu, error);
            None
        }
    }
}
