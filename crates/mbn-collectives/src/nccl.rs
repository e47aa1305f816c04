//! NCCL, NVIDIA's library for sums over several GPUs, which is loaded at run time.
//!
//! The functions have the types of NCCL's C interface, which has been the same since version 2.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;

use libloading::Library;
use mbn_library::symbol;

use crate::CollectivesError;
use crate::library::open;

/// Names of the library, as the system's loader looks for it.
const NAMES: [&str; 2] = ["libnccl.so.2", "libnccl.so"];

/// `ncclFloat32`
const FLOAT: c_int = 7;
/// `ncclSum`
const SUM: c_int = 0;

/// What ranks must know to find each other, which one of them makes: `ncclUniqueId`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NcclId(pub [u8; NcclId::LEN]);

impl NcclId {
    /// Number of bytes.
    pub const LEN: usize = 128;
}

/// The library.
#[derive(Clone, Copy, Debug)]
pub struct Nccl {
    get_version: unsafe extern "C" fn(*mut c_int) -> c_int,
    get_unique_id: unsafe extern "C" fn(*mut NcclId) -> c_int,
    comm_init_rank: unsafe extern "C" fn(*mut *mut c_void, c_int, NcclId, c_int) -> c_int,
    all_reduce: AllReduce,
    comm_abort: unsafe extern "C" fn(*mut c_void) -> c_int,
    get_error_string: unsafe extern "C" fn(c_int) -> *const c_char,
}

type AllReduce =
    unsafe extern "C" fn(*const c_void, *mut c_void, usize, c_int, c_int, *mut c_void, *mut c_void) -> c_int;

/// A rank that has found the others. It can be neither sent to another thread nor shared, since it has a pointer.
#[derive(Debug)]
pub struct NcclRank {
    nccl: Nccl,
    communicator: *mut c_void,
}

impl Nccl {
    /// Loads the library that the system's loader finds.
    ///
    /// # Errors
    /// [`CollectivesError::NcclNotFound`] with the loader's words, or why the library cannot be used.
    pub fn find() -> Result<Self, CollectivesError> {
        let mut reasons = Vec::new();
        for name in NAMES {
            match Self::load(Path::new(name)) {
                Err(CollectivesError::NotLoaded { reason, .. }) => reasons.push(reason),
                loaded => return loaded,
            }
        }
        Err(CollectivesError::NcclNotFound { reasons })
    }

    /// Loads the library at `path`.
    ///
    /// # Errors
    /// If it cannot be loaded or is another.
    pub fn load(path: &Path) -> Result<Self, CollectivesError> {
        // SAFETY: loading runs the library's initialisers. That is what installing a library asks for; those of NCCL have no
        // requirements.
        let library = open(path, |path| unsafe { Library::new(path) })?;
        let missing = |symbol| CollectivesError::NotNccl {
            path: path.to_owned(),
            symbol,
        };
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the fields have the types of NCCL's C interface. The library stays loaded, see below.
                unsafe { symbol(&library, $name) }.ok_or_else(|| missing($name))?
            };
        }
        let nccl = Self {
            get_version: function!("ncclGetVersion"),
            get_unique_id: function!("ncclGetUniqueId"),
            comm_init_rank: function!("ncclCommInitRank"),
            all_reduce: function!("ncclAllReduce"),
            comm_abort: function!("ncclCommAbort"),
            get_error_string: function!("ncclGetErrorString"),
        };
        // Its threads may run until the process ends.
        std::mem::forget(library);
        Ok(nccl)
    }

    /// The library's name and version.
    ///
    /// # Errors
    /// If the library fails.
    pub fn describe(&self) -> Result<String, CollectivesError> {
        let mut version = 0;
        // SAFETY: the function may be called at any time and writes one integer.
        let code = unsafe { (self.get_version)(&raw mut version) };
        self.require("ncclGetVersion", code)?;
        Ok(format!(
            "NCCL {}.{}.{}",
            version / 10_000,
            version / 100 % 100,
            version % 100
        ))
    }

    /// An identifier for one group of ranks. The rank that makes it must live until all have joined.
    ///
    /// # Errors
    /// If the library fails.
    pub fn make_id(&self) -> Result<NcclId, CollectivesError> {
        let mut id = NcclId([0; NcclId::LEN]);
        // SAFETY: the function may be called at any time and writes one identifier.
        let code = unsafe { (self.get_unique_id)(&raw mut id) };
        self.require("ncclGetUniqueId", code)?;
        Ok(id)
    }

    /// Joins the `size` ranks that have `id`, with the CUDA device that this thread uses now. Returns when all have joined.
    ///
    /// # Errors
    /// If the ranks cannot reach each other, or two of them use one device.
    pub fn join(&self, id: NcclId, rank: usize, size: usize) -> Result<NcclRank, CollectivesError> {
        let number = |number| c_int::try_from(number).unwrap_or(c_int::MAX);
        let mut communicator = std::ptr::null_mut();
        // SAFETY: the function writes one pointer. It checks the numbers.
        let code = unsafe { (self.comm_init_rank)(&raw mut communicator, number(size), id, number(rank)) };
        self.require("ncclCommInitRank", code)?;
        Ok(NcclRank {
            nccl: *self,
            communicator,
        })
    }

    /// An error for a code other than `ncclSuccess`.
    fn require(&self, function: &'static str, code: c_int) -> Result<(), CollectivesError> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: the function may be called at any time, and gives a constant text for any code.
        let reason = unsafe { CStr::from_ptr((self.get_error_string)(code)) };
        Err(CollectivesError::Failed {
            function,
            reason: reason.to_string_lossy().into_owned(),
        })
    }
}

impl NcclRank {
    /// Enqueues on `stream`, a CUDA stream, that `values` are replaced by their sums over all ranks, which are the same bit for
    /// bit on all of them. Every rank must call this as often, with as many values.
    ///
    /// # Errors
    /// If the library fails.
    ///
    /// # Safety
    /// `values` must be the address of `len` float32 values in the memory of the device that the rank joined with, and `stream` a
    /// stream of that device. Until the stream has done this work, nothing else may use the values, free them or destroy the
    /// stream, other than in the stream's order.
    pub unsafe fn sum(&self, values: u64, len: usize, stream: *mut c_void) -> Result<(), CollectivesError> {
        let values = values as *mut c_void;
        // SAFETY: the values are as the caller says, NCCL adds in place if both addresses are the same, and the communicator
        // lives as long as `self`.
        let code =
            unsafe { (self.nccl.all_reduce)(values, values, len, FLOAT, SUM, self.communicator, stream) };
        self.nccl.require("ncclAllReduce", code)
    }
}

impl Drop for NcclRank {
    fn drop(&mut self) {
        // SAFETY: nothing uses the communicator after this. Unlike `ncclCommDestroy`, this waits for no other rank, which may
        // have failed.
        unsafe { (self.nccl.comm_abort)(self.communicator) };
    }
}
