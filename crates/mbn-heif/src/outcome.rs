//! What libheif's functions say.

use std::ffi::{CStr, c_char, c_int};

use crate::error::{HeifError, Problem};

/// `struct heif_error`.
#[repr(C)]
pub(crate) struct Outcome {
    code: c_int,
    subcode: c_int,
    message: *const c_char,
}

impl Outcome {
    /// The error about a file, if it is one.
    pub fn check(self) -> Result<(), HeifError> {
        // `enum heif_error_code` and `enum heif_suberror_code`.
        const OK: c_int = 0;
        const UNSUPPORTED_FILE: c_int = 3;
        const UNSUPPORTED_FEATURE: c_int = 4;
        const MEMORY: c_int = 6;
        const END_OF_DATA: c_int = 100;
        const SECURITY_LIMIT: c_int = 1000;
        const UNSUPPORTED_CODEC: c_int = 3000;
        const NO_MATCHING_DECODER: c_int = 6003;
        let problem = match (self.code, self.subcode) {
            (OK, _) => return Ok(()),
            (_, UNSUPPORTED_CODEC | NO_MATCHING_DECODER) => Problem::NoDecoder,
            (_, END_OF_DATA) => Problem::Truncated,
            (MEMORY, _) | (_, SECURITY_LIMIT) => Problem::Memory,
            (UNSUPPORTED_FILE | UNSUPPORTED_FEATURE, _) => Problem::Unsupported,
            _ => Problem::Malformed,
        };
        Err(HeifError::File {
            problem,
            reason: format!("libheif says: {}", self.text()),
        })
    }

    /// Its text in one line.
    pub fn text(&self) -> String {
        // SAFETY: libheif's errors have a text that ends in null, which lives as long as the context, or null.
        unsafe { text(self.message) }
    }

    /// Whether it is no error.
    pub fn is_ok(&self) -> bool {
        self.code == 0
    }
}

/// A text of the library in one line; empty for a null pointer.
///
/// # Safety
/// `text` must be null, or lead to bytes that end in null.
pub(crate) unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    text.chars().filter(|c| !c.is_control()).collect()
}
