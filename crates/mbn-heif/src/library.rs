//! libheif's functions, found at run time.
//!
//! Names, types and constants are those of its public header `heif.h`, which has kept them since version 1.10.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use libloading::Library;

use crate::error::{HeifError, Problem};

/// Names under which systems have the library, the usual one first.
const NAMES: &[&str] = if cfg!(target_os = "macos") {
    // Homebrew's folders are not searched by the loader.
    &[
        "libheif.1.dylib",
        "/opt/homebrew/lib/libheif.1.dylib",
        "/usr/local/lib/libheif.1.dylib",
    ]
} else if cfg!(windows) {
    &["heif.dll", "libheif.dll"]
} else {
    &["libheif.so.1"]
};

/// `struct heif_context`, a file.
#[repr(C)]
pub(crate) struct Context(c_void);
/// `struct heif_image_handle`, a picture in a file.
#[repr(C)]
pub(crate) struct Handle(c_void);
/// `struct heif_image`, pixels.
#[repr(C)]
pub(crate) struct Image(c_void);

/// `struct heif_error`.
#[repr(C)]
pub(crate) struct Outcome {
    code: c_int,
    subcode: c_int,
    message: *const c_char,
}

/// The beginning of `struct heif_decoding_options`, whose later versions have more.
#[repr(C)]
pub(crate) struct Options {
    pub version: u8,
    pub ignore_transformations: u8,
    progress: [*const c_void; 4],
    /// From version 2 on.
    pub convert_hdr_to_8bit: u8,
    /// From version 3 on.
    pub strict_decoding: u8,
}

/// libheif.
#[derive(Debug)]
pub struct Heif {
    pub(crate) calls: Calls,
    version: String,
    /// Last, so that it is unloaded after all that points into it.
    _library: Library,
}

macro_rules! calls {
    ($($(#[$doc:meta])* $field:ident = $name:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions.
        #[derive(Debug)]
        pub(crate) struct Calls {
            $($(#[$doc])* pub $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Calls {
            fn find(library: &Library, path: &Path) -> Result<Self, HeifError> {
                $(
                    // SAFETY: the type is that of the function in libheif's header; the library outlives the pointer in `Heif`.
                    let found = unsafe { library.get(concat!($name, "\0").as_bytes()) };
                    let $field: libloading::Symbol<unsafe extern "C" fn($($argument),*) $(-> $result)?> =
                        found.map_err(|_| HeifError::NotHeif { path: path.to_owned(), function: $name })?;
                    let $field = *$field;
                )*
                Ok(Self { $($field),* })
            }
        }
    };
}

calls! {
    version = "heif_get_version": fn() -> *const c_char;
    context_alloc = "heif_context_alloc": fn() -> *mut Context;
    context_free = "heif_context_free": fn(*mut Context);
    /// The memory must stay as long as the context.
    read = "heif_context_read_from_memory_without_copy": fn(*mut Context, *const c_void, usize, *const c_void) -> Outcome;
    primary = "heif_context_get_primary_image_handle": fn(*mut Context, *mut *mut Handle) -> Outcome;
    handle_release = "heif_image_handle_release": fn(*const Handle);
    handle_width = "heif_image_handle_get_width": fn(*const Handle) -> c_int;
    handle_height = "heif_image_handle_get_height": fn(*const Handle) -> c_int;
    options_alloc = "heif_decoding_options_alloc": fn() -> *mut Options;
    options_free = "heif_decoding_options_free": fn(*mut Options);
    decode = "heif_decode_image": fn(*const Handle, *mut *mut Image, c_int, c_int, *const Options) -> Outcome;
    image_release = "heif_image_release": fn(*const Image);
    image_width = "heif_image_get_width": fn(*const Image, c_int) -> c_int;
    image_height = "heif_image_get_height": fn(*const Image, c_int) -> c_int;
    plane = "heif_image_get_plane_readonly": fn(*const Image, c_int, *mut c_int) -> *const u8;
}

impl Heif {
    /// Loads the library in the file `named`, or else the one that the system has.
    ///
    /// # Errors
    /// [`HeifError::NotLoaded`], [`HeifError::NotFound`], [`HeifError::NotHeif`].
    pub fn load(named: Option<&Path>) -> Result<Self, HeifError> {
        if let Some(path) = named {
            let library = open(path).map_err(|reason| HeifError::NotLoaded {
                path: path.to_owned(),
                reason,
            })?;
            return Self::of(library, path);
        }
        let mut first = None;
        for name in NAMES.iter().map(PathBuf::from) {
            match open(&name) {
                Ok(library) => return Self::of(library, &name),
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        let reason = first.unwrap_or_default();
        Err(HeifError::NotFound { reason })
    }

    fn of(library: Library, path: &Path) -> Result<Self, HeifError> {
        let calls = Calls::find(&library, path)?;
        // SAFETY: since version 1.13 the function takes a pointer that may be null and gives an error by value. It loads plugins, which
        // some systems keep the decoders in; older versions need no such call.
        unsafe {
            if let Ok(init) = library.get::<unsafe extern "C" fn(*mut c_void) -> Outcome>(b"heif_init\0") {
                check(init(std::ptr::null_mut()))?;
            }
        }
        // SAFETY: the function takes nothing and gives a constant text.
        let version = unsafe { text((calls.version)()) };
        log::debug!("libheif {version} from `{}`", path.display());
        Ok(Self {
            calls,
            version,
            _library: library,
        })
    }

    /// The library's version, such as `1.15.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Lets tiles be decoded by the calling thread alone, where the library can be told so.
    pub(crate) fn stay_in_thread(&self, context: *mut Context) {
        const NAME: &[u8] = b"heif_context_set_max_decoding_threads\0";
        // SAFETY: since version 1.13 the function takes a context, which the caller owns, and a number.
        unsafe {
            if let Ok(set) = self
                ._library
                .get::<unsafe extern "C" fn(*mut Context, c_int)>(NAME)
            {
                set(context, 0);
            }
        }
    }
}

fn open(path: &Path) -> Result<Library, String> {
    // SAFETY: a library may run code when it is loaded. This one is the system's libheif or one that the user named, and its
    // initialisers only register decoders.
    let library = unsafe { Library::new(path) };
    library.map_err(|error| {
        let source = std::error::Error::source(&error);
        source.map_or_else(|| error.to_string(), ToString::to_string)
    })
}

/// What a function says.
pub(crate) fn check(outcome: Outcome) -> Result<(), HeifError> {
    // `enum heif_error_code` and `enum heif_suberror_code`.
    const OK: c_int = 0;
    const UNSUPPORTED_FILE: c_int = 3;
    const UNSUPPORTED_FEATURE: c_int = 4;
    const MEMORY: c_int = 6;
    const END_OF_DATA: c_int = 100;
    const SECURITY_LIMIT: c_int = 1000;
    const UNSUPPORTED_CODEC: c_int = 3000;
    let problem = match (outcome.code, outcome.subcode) {
        (OK, _) => return Ok(()),
        (_, UNSUPPORTED_CODEC) => Problem::NoDecoder,
        (_, END_OF_DATA) => Problem::Truncated,
        (MEMORY, _) | (_, SECURITY_LIMIT) => Problem::Memory,
        (UNSUPPORTED_FILE | UNSUPPORTED_FEATURE, _) => Problem::Unsupported,
        _ => Problem::Malformed,
    };
    // SAFETY: libheif's errors have a text that ends in null, which lives as long as the context, or null.
    let reason = unsafe { text(outcome.message) };
    Err(HeifError::File { problem, reason })
}

/// A text of the library in one line; empty for a null pointer.
///
/// # Safety
/// `text` must be null, or lead to bytes that end in null.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    text.chars().filter(|c| !c.is_control()).collect()
}
