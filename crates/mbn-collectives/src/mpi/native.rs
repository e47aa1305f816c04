//! The library's functions.
//!
//! The functions have the types of MPI's C interface, in which handles are pointers or integers; [`Loaded::open`] finds out
//! which. They are called by the thread that started MPI alone: [`Mpi`] can be neither sent to another thread nor shared, since
//! it has pointers.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use libloading::Library;
use libloading::os::unix::{self, RTLD_GLOBAL, RTLD_NOW};

use super::abi::{self, Handles};
use crate::library::open;
use crate::{Collectives, CollectivesError};

/// Room for any text of MPI: `MPI_MAX_LIBRARY_VERSION_STRING`, the longest, is at most 8192.
const TEXT: usize = 8192 + 1;
/// Values of one call: its count is a C int.
const MOST: usize = 1 << 28;

type InitThread = unsafe extern "C" fn(*mut c_int, *mut c_void, c_int, *mut c_int) -> c_int;
type Flag = unsafe extern "C" fn(*mut c_int) -> c_int;
type AbiVersion = unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int;
type Text = unsafe extern "C" fn(*mut c_char, *mut c_int) -> c_int;
type ErrorText = unsafe extern "C" fn(c_int, *mut c_char, *mut c_int) -> c_int;
type OfWorld<H> = unsafe extern "C" fn(H, *mut c_int) -> c_int;

/// A library of MPI that has not been started.
pub(super) struct Loaded {
    path: PathBuf,
    library: Library,
    version: String,
    kind: Kind,
}

enum Kind {
    Pointers(Handles<*mut c_void>),
    Integers(Handles<c_int>),
}

/// The functions that take handles.
struct Functions<H> {
    allreduce: unsafe extern "C" fn(*const c_void, *mut c_void, c_int, H, H, H) -> c_int,
    bcast: unsafe extern "C" fn(*mut c_void, c_int, H, c_int, H) -> c_int,
    barrier: unsafe extern "C" fn(H) -> c_int,
    abort: unsafe extern "C" fn(H, c_int) -> c_int,
    finalize: unsafe extern "C" fn() -> c_int,
    error_string: ErrorText,
}

/// MPI that has been started.
struct Mpi<H> {
    functions: Functions<H>,
    handles: Handles<H>,
    rank: usize,
    size: usize,
    host: String,
    describe: String,
}

impl Loaded {
    /// Loads the library and finds out its binary interface.
    pub fn open(path: &Path) -> Result<Self, CollectivesError> {
        // SAFETY: loading runs the library's initialisers. That is what naming or installing a library asks for; those of MPI
        // have no requirements. Open MPI's own plug-ins look for its symbols among the global ones.
        let global = |path: &Path| unsafe { unix::Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) };
        let library = open(path, |path| global(path).map(Library::from))?;
        // SAFETY: the type of `MPI_Get_library_version`, which may be called before MPI is started.
        let version = unsafe {
            let function: Text = symbol(&library, path, "MPI_Get_library_version")?;
            text(|buffer, length| function(buffer, length))
        };
        // The rest is how it was built.
        let version = version.split(['\n', ',']).next().unwrap_or_default();
        let version = version.split_whitespace().collect::<Vec<_>>().join(" ");
        let kind = kind(&library, path, &version)?;
        Ok(Self {
            path: path.to_owned(),
            library,
            version,
            kind,
        })
    }

    /// Starts MPI.
    pub fn start(self) -> Result<Box<dyn Collectives>, CollectivesError> {
        match self.kind {
            Kind::Pointers(handles) => Ok(Box::new(start(self.library, &self.path, &self.version, handles)?)),
            Kind::Integers(handles) => Ok(Box::new(start(self.library, &self.path, &self.version, handles)?)),
        }
    }
}

/// A function or the address of a variable.
///
/// # Safety
/// `T` must be the type of the function, or a pointer for a variable, and must not be used after the library is unloaded.
unsafe fn symbol<T: Copy>(library: &Library, path: &Path, name: &'static str) -> Result<T, CollectivesError> {
    // SAFETY: as the caller says.
    unsafe { mbn_library::symbol(library, name) }.ok_or_else(|| CollectivesError::NotMpi {
        path: path.to_owned(),
        symbol: name,
    })
}

/// The text that a function writes.
fn text(write: impl FnOnce(*mut c_char, *mut c_int) -> c_int) -> String {
    let mut buffer: [c_char; TEXT] = [0; TEXT];
    let mut length = 0;
    write(buffer.as_mut_ptr(), &raw mut length);
    // Whatever was written, the last byte ends it.
    buffer[TEXT - 1] = 0;
    // SAFETY: the buffer holds a zero.
    unsafe { CStr::from_ptr(buffer.as_ptr()) }
        .to_string_lossy()
        .into_owned()
}

/// The binary interface of a library that has not been started.
fn kind(library: &Library, path: &Path, version: &str) -> Result<Kind, CollectivesError> {
    // SAFETY: the type of `MPI_Abi_get_version`, which may be called before MPI is started. A library of MPI 5 has it whatever
    // its interface, and gives -1 if that is not the standard one.
    let major = unsafe {
        let function: Result<AbiVersion, _> = symbol(library, path, "MPI_Abi_get_version");
        function.map_or(-1, |function| {
            let (mut major, mut minor) = (-1, -1);
            function(&raw mut major, &raw mut minor);
            major
        })
    };
    // This comes first: a library with the standard interface may be linked with one that has Open MPI's symbols, and symbols are
    // looked for in both.
    if major == 1 {
        return Ok(Kind::Pointers(abi::standard()));
    }
    let mut addresses = [std::ptr::null_mut(); 5];
    let found = abi::OPEN_MPI
        .iter()
        .zip(&mut addresses)
        .try_for_each(|(name, address)| {
            // SAFETY: they are variables, of which only the address is used.
            *address = unsafe { symbol(library, path, name)? };
            Ok::<_, CollectivesError>(())
        });
    if found.is_ok() {
        return Ok(Kind::Pointers(abi::open_mpi(addresses)));
    }
    if major < 1 && abi::MPICH_RELATIVES.iter().any(|name| version.contains(name)) {
        return Ok(Kind::Integers(abi::mpich()));
    }
    Err(CollectivesError::UnknownAbi {
        path: path.to_owned(),
        version: version.to_owned(),
    })
}

/// Starts MPI, whose handles are `H`.
fn start<H: Copy>(
    library: Library,
    path: &Path,
    version: &str,
    handles: Handles<H>,
) -> Result<Mpi<H>, CollectivesError> {
    // SAFETY: the types of MPI's C interface, with its handles as `kind` found them. The library stays loaded, see below.
    let (initialized, init, rank_of, size_of, host, functions) = unsafe {
        let initialized: Flag = symbol(&library, path, "MPI_Initialized")?;
        let init: InitThread = symbol(&library, path, "MPI_Init_thread")?;
        let rank_of: OfWorld<H> = symbol(&library, path, "MPI_Comm_rank")?;
        let size_of: OfWorld<H> = symbol(&library, path, "MPI_Comm_size")?;
        let host: Text = symbol(&library, path, "MPI_Get_processor_name")?;
        let functions = Functions {
            allreduce: symbol(&library, path, "MPI_Allreduce")?,
            bcast: symbol(&library, path, "MPI_Bcast")?,
            barrier: symbol(&library, path, "MPI_Barrier")?,
            abort: symbol(&library, path, "MPI_Abort")?,
            finalize: symbol(&library, path, "MPI_Finalize")?,
            error_string: symbol(&library, path, "MPI_Error_string")?,
        };
        (initialized, init, rank_of, size_of, host, functions)
    };
    // Its threads may run until the process ends.
    std::mem::forget(library);
    let mut started = 0;
    // SAFETY: the function may be called at any time and writes one integer.
    unsafe { initialized(&raw mut started) };
    if started != 0 {
        return Err(CollectivesError::Failed {
            function: "MPI_Init_thread",
            reason: "this process has started MPI before".to_owned(),
        });
    }
    let mut provided = 0;
    // SAFETY: MPI has not been started. The arguments of the program may be null, and one integer is written.
    let code = unsafe {
        init(
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            handles.funneled,
            &raw mut provided,
        )
    };
    require(&functions, "MPI_Init_thread", code)?;
    // The levels are numbers that grow with what they allow.
    if provided < handles.funneled {
        return Err(CollectivesError::Failed {
            function: "MPI_Init_thread",
            reason: "this library allows no program with several threads, expected MPI_THREAD_FUNNELED; \
                     use a library that was built with threads"
                .to_owned(),
        });
    }
    let number = |function: &'static str, of: OfWorld<H>| {
        let mut number = 0;
        // SAFETY: MPI has been started, and the function writes one integer.
        let code = unsafe { of(handles.world, &raw mut number) };
        require(&functions, function, code)?;
        usize::try_from(number).map_err(|_| CollectivesError::Failed {
            function,
            reason: format!("it gives {number}"),
        })
    };
    let (rank, size) = (
        number("MPI_Comm_rank", rank_of)?,
        number("MPI_Comm_size", size_of)?,
    );
    // SAFETY: MPI has been started, and the buffer has room for any text of MPI.
    let host = text(|buffer, length| unsafe { host(buffer, length) });
    Ok(Mpi {
        functions,
        handles,
        rank,
        size,
        host,
        describe: format!("{version} (`{}`)", path.display()),
    })
}

/// An error for a code other than `MPI_SUCCESS`. By default MPI ends all processes instead of returning one.
fn require<H>(functions: &Functions<H>, function: &'static str, code: c_int) -> Result<(), CollectivesError> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the buffer has room for any text of MPI. The function may be called at any time since MPI 4.0, and before that
    // once MPI has been started, without which no function but the one that starts it is called.
    let reason = text(|buffer, length| unsafe { (functions.error_string)(code, buffer, length) });
    Err(CollectivesError::Failed { function, reason })
}

impl<H: Copy> Mpi<H> {
    /// Adds up values of the type `kind` in place.
    fn sum_of<T>(&self, values: &mut [T], kind: H) -> Result<(), CollectivesError> {
        let Handles {
            world, sum, in_place, ..
        } = self.handles;
        for part in values.chunks_mut(MOST) {
            let (start, count) = (part.as_mut_ptr().cast(), part.len() as c_int);
            // SAFETY: `kind` is the type of the values, of which there are `count`, and nobody else has them while the
            // function reads and writes them.
            let code = unsafe { (self.functions.allreduce)(in_place, start, count, kind, sum, world) };
            require(&self.functions, "MPI_Allreduce", code)?;
        }
        Ok(())
    }
}

impl<H: Copy> Collectives for Mpi<H> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn describe(&self) -> String {
        self.describe.clone()
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), CollectivesError> {
        self.sum_of(values, self.handles.float)
    }

    fn sum_f64(&self, values: &mut [f64]) -> Result<(), CollectivesError> {
        self.sum_of(values, self.handles.double)
    }

    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), CollectivesError> {
        let Handles { world, byte, .. } = self.handles;
        for part in bytes.chunks_mut(MOST) {
            let (start, count) = (part.as_mut_ptr().cast(), part.len() as c_int);
            // SAFETY: there are `count` bytes, and nobody else has them while the function reads or writes them.
            let code = unsafe { (self.functions.bcast)(start, count, byte, root as c_int, world) };
            require(&self.functions, "MPI_Bcast", code)?;
        }
        Ok(())
    }

    fn barrier(&self) -> Result<(), CollectivesError> {
        // SAFETY: MPI has been started.
        let code = unsafe { (self.functions.barrier)(self.handles.world) };
        require(&self.functions, "MPI_Barrier", code)
    }

    fn leave(self: Box<Self>) -> Result<(), CollectivesError> {
        // SAFETY: MPI has been started, and nothing calls it after this, which consumes the only value that can.
        let code = unsafe { (self.functions.finalize)() };
        require(&self.functions, "MPI_Finalize", code)
    }

    fn abort(&self, code: i32) {
        // SAFETY: MPI has been started.
        unsafe { (self.functions.abort)(self.handles.world, code) };
    }
}
