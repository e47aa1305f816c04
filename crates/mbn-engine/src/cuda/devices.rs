//! How many CUDA devices there are.

use std::ffi::c_int;

use libloading::Library;

use super::libraries::DRIVER;

/// What the driver's functions return where nothing is wrong.
const SUCCESS: c_int = 0;

/// The number of CUDA devices that this process sees; `CUDA_VISIBLE_DEVICES` may hide others. `None` if there is no driver, or it
/// does not say.
pub fn count_devices() -> Option<usize> {
    // SAFETY: the system's own driver, or the stand-in that its owner has put in its place; loading it runs its initialisers alone.
    let driver = unsafe { Library::new(DRIVER) }.ok()?;
    // SAFETY: the function's type in CUDA's driver API; the library stays loaded until the end of this function.
    let init: unsafe extern "C" fn(u32) -> c_int = unsafe { mbn_library::symbol(&driver, "cuInit") }?;
    // SAFETY: as above.
    let count: unsafe extern "C" fn(*mut c_int) -> c_int =
        unsafe { mbn_library::symbol(&driver, "cuDeviceGetCount") }?;
    // SAFETY: 0 is the only value of its flags. It may be called again, and by others.
    if unsafe { init(0) } != SUCCESS {
        return None;
    }
    let mut devices: c_int = 0;
    // SAFETY: it writes the number to the address, which is a variable of this function.
    let answer = unsafe { count(&raw mut devices) };
    (answer == SUCCESS)
        .then(|| usize::try_from(devices).ok())
        .flatten()
}
