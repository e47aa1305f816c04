//! libheif's functions, found at run time.
//!
//! Names, types and constants are those of its public header `heif.h`, which has kept them since version 1.10.

use std::ffi::{c_char, c_int, c_void};
use std::path::Path;

use libloading::Library;
use mbn_library::symbol;

use crate::error::HeifError;
use crate::outcome::Outcome;

/// `struct heif_context`, a file.
#[repr(C)]
pub(crate) struct Context(c_void);
/// `struct heif_image_handle`, a picture in a file.
#[repr(C)]
pub(crate) struct Handle(c_void);
/// `struct heif_image`, pixels.
#[repr(C)]
pub(crate) struct Image(c_void);

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

macro_rules! calls {
    (needed { $($(#[$doc:meta])* $field:ident = $name:literal: fn($($argument:ty),*) $(-> $result:ty)?;)* }
     later { $($(#[$later_doc:meta])* $later:ident = $later_name:literal: fn($($later_argument:ty),*) $(-> $later_result:ty)?;)* }) => {
        /// The functions. Nothing unloads the library, so they can be called as long as the process lives.
        #[derive(Debug)]
        pub(crate) struct Calls {
            $($(#[$doc])* pub $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            $($(#[$later_doc])* pub $later: Option<unsafe extern "C" fn($($later_argument),*) $(-> $later_result)?>,)*
        }

        impl Calls {
            /// Finds them.
            ///
            /// # Errors
            /// [`HeifError::NotHeif`] names the first that is missing.
            pub fn find(library: &Library, path: &Path) -> Result<Self, HeifError> {
                let missing = |function| HeifError::NotHeif { path: path.to_owned(), function };
                Ok(Self {
                    // SAFETY: the type is that of the function in libheif's header.
                    $($field: unsafe { symbol(library, $name) }.ok_or_else(|| missing($name))?,)*
                    // SAFETY: as above.
                    $($later: unsafe { symbol(library, $later_name) },)*
                })
            }
        }
    };
}

calls! {
    needed {
        version = "heif_get_version": fn() -> *const c_char;
        context_alloc = "heif_context_alloc": fn() -> *mut Context;
        context_free = "heif_context_free": fn(*mut Context);
        /// The memory must stay as long as the context.
        read = "heif_context_read_from_memory_without_copy": fn(*mut Context, *const c_void, usize, *const c_void) -> Outcome;
        primary = "heif_context_get_primary_image_handle": fn(*mut Context, *mut *mut Handle) -> Outcome;
        handle_release = "heif_image_handle_release": fn(*const Handle);
        handle_width = "heif_image_handle_get_width": fn(*const Handle) -> c_int;
        handle_height = "heif_image_handle_get_height": fn(*const Handle) -> c_int;
        /// As it is coded, before it is turned and cut.
        coded_width = "heif_image_handle_get_ispe_width": fn(*const Handle) -> c_int;
        coded_height = "heif_image_handle_get_ispe_height": fn(*const Handle) -> c_int;
        /// Negative if it is not known.
        luma_bits = "heif_image_handle_get_luma_bits_per_pixel": fn(*const Handle) -> c_int;
        options_alloc = "heif_decoding_options_alloc": fn() -> *mut Options;
        options_free = "heif_decoding_options_free": fn(*mut Options);
        decode = "heif_decode_image": fn(*const Handle, *mut *mut Image, c_int, c_int, *const Options) -> Outcome;
        image_release = "heif_image_release": fn(*const Image);
        image_width = "heif_image_get_width": fn(*const Image, c_int) -> c_int;
        image_height = "heif_image_get_height": fn(*const Image, c_int) -> c_int;
        plane = "heif_image_get_plane_readonly": fn(*const Image, c_int, *mut c_int) -> *const u8;
    }
    later {
        /// Since version 1.12. Not 0 if the colours are multiplied by alpha.
        is_premultiplied = "heif_image_handle_is_premultiplied_alpha": fn(*const Handle) -> c_int;
        /// Since version 1.13. Loads plugins, in which some systems keep the decoders.
        init = "heif_init": fn(*mut c_void) -> Outcome;
        /// Since version 1.13. With 0, tiles are decoded by the calling thread.
        set_threads = "heif_context_set_max_decoding_threads": fn(*mut Context, c_int);
        /// Since version 1.17. Writes colour space and chroma of the pixels as they are coded.
        coded_colours = "heif_image_handle_get_preferred_decoding_colorspace": fn(*const Handle, *mut c_int, *mut c_int) -> Outcome;
    }
}
