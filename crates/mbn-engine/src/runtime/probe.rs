//! Asks a library for its version before `ort` touches it. All of the crate's unsafe code is here.

use std::ffi::CStr;
use std::path::Path;

use libloading::Library;
use mbn_library::symbol;
use ort::sys::OrtApiBase;

use super::{NEEDED, RuntimeError, Version};

/// Set to `1`, this keeps ONNX Runtime from collecting data about its use.
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

/// Keeps ONNX Runtime from collecting data about its use in the user's cache folder, and from sending it, for which newer
/// versions start threads as soon as they are initialised, before a program can decline. A value that the user has set stays.
pub(super) fn decline_telemetry() {
    if std::env::var_os(NO_TELEMETRY).is_none() {
        // SAFETY: changing the environment is a race with foreign code that reads it on another thread. None runs: the
        // library is not loaded yet, threads of Rust code read it through the standard library, which locks it, and `find` asks its
        // callers to call it before other foreign code runs.
        unsafe { std::env::set_var(NO_TELEMETRY, "1") };
    }
}

/// ONNX Runtime's only exported function that is not reached through a table.
type GetApiBase = unsafe extern "system" fn() -> *const OrtApiBase;

/// The version string of the library at `path`, having checked that this program can use it.
///
/// # Errors
/// [`RuntimeError::NotALibrary`], [`RuntimeError::NotOnnxRuntime`] or [`RuntimeError::TooOld`].
pub(super) fn version(path: &Path) -> Result<String, RuntimeError> {
    let other = |reason: &str| RuntimeError::NotOnnxRuntime {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    // SAFETY: loading runs the library's initialisers. That is what naming or installing a library asks for;
    // ONNX Runtime's have no requirements.
    let library = unsafe { Library::new(path) }.map_err(|error| RuntimeError::NotALibrary {
        path: path.to_owned(),
        reason: mbn_library::reason(&error),
    })?;
    // SAFETY: `OrtGetApiBase` has had this type in every version of ONNX Runtime's C interface. The library is loaded as long as it
    // is used.
    let get_api_base: GetApiBase = unsafe { symbol(&library, "OrtGetApiBase") }
        .ok_or_else(|| other("it has no function `OrtGetApiBase`"))?;
    // SAFETY: the function takes nothing and may be called at any time; it returns a pointer to a table that
    // lives as long as the library, or null.
    let base = unsafe { get_api_base().as_ref() }.ok_or_else(|| other("its interface is empty"))?;
    // SAFETY: the table's function takes nothing and returns a string that lives as long as the library, or
    // null.
    let text = unsafe { (base.GetVersionString)() };
    if text.is_null() {
        return Err(other("it does not tell its version"));
    }
    // SAFETY: not null, and terminated by zero as the C interface says.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    let version: Version = text
        .parse()
        .map_err(|_| other(&format!("it calls its version `{text}`")))?;
    let too_old = || RuntimeError::TooOld {
        path: path.to_owned(),
        found: text.clone(),
        needed: NEEDED,
    };
    if version < NEEDED {
        return Err(too_old());
    }
    // SAFETY: the function takes any number, and returns null for one that it does not know.
    let api = unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) };
    if api.is_null() {
        return Err(too_old());
    }
    // It stays loaded, since unloading while `ort` is about to load it again gains nothing.
    std::mem::forget(library);
    Ok(text)
}
