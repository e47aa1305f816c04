//! Foreign libraries that are loaded at run time.
//!
//! [`first_that_loads`] goes through the places where a library may lie, [`symbol`] finds its functions, and [`reason`] gives the
//! system's own words when it cannot be loaded.

mod candidates;

pub use candidates::{NotLoaded, first_that_loads, is_file_path};

use libloading::Library;

/// Why the system's loader cannot load a library, in its own words, without libloading's prefix.
pub fn reason(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

/// A function of the library, or the address of a variable, by its name; `None` if it has none.
///
/// # Safety
/// `T` must be the type of the function, or a pointer for a variable, and must not be used after the library is unloaded.
pub unsafe fn symbol<T: Copy>(library: &Library, name: &str) -> Option<T> {
    // SAFETY: as the caller says.
    unsafe { library.get::<T>(name.as_bytes()) }
        .map(|found| *found)
        .ok()
}

#[cfg(test)]
mod tests {
    use std::ffi::{c_char, c_int};

    use super::*;

    #[test]
    fn the_loader_speaks_for_itself() {
        // SAFETY: there is no such library, so none is loaded.
        let error = unsafe { Library::new("libmbn-none.so.1") }.unwrap_err();
        let (reason, prefixed) = (reason(&error), error.to_string());
        assert!(reason.contains("libmbn-none.so.1") || cfg!(windows), "{reason}");
        assert!(
            prefixed.contains("Library") || prefixed.contains("dlopen"),
            "{prefixed}"
        );
        assert!(
            !reason.contains("dlopen failed") && !reason.is_empty(),
            "{reason}"
        );
    }

    #[test]
    #[cfg(unix)]
    fn functions_are_found_by_their_names() {
        let library = Library::from(libloading::os::unix::Library::this());
        // SAFETY: the type of the C library's function, which stays loaded.
        let atoi: unsafe extern "C" fn(*const c_char) -> c_int = unsafe { symbol(&library, "atoi") }.unwrap();
        // SAFETY: the function reads a text that ends in zero.
        assert_eq!(unsafe { atoi(c"42".as_ptr()) }, 42);
        // SAFETY: there is no such function, so none is called.
        let none: Option<unsafe extern "C" fn()> = unsafe { symbol(&library, "mbn_has_no_such_function") };
        assert!(none.is_none());
    }
}
