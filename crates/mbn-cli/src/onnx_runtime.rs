//! What a user can do about ONNX Runtime's library, in the words of the programs that take `--ort-lib`.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fmt::Display;

/// The library was not found; `needed` is the oldest version that works.
pub fn missing(needed: impl Display) -> String {
    format!(
        "`make onnxruntime` gets it, and so does `python3 -m pip install onnxruntime` in the program's Python environment or \
         an active one; `--ort-lib` or `ORT_DYLIB_PATH` names a library of version {needed} or newer"
    )
}

/// The library that was found cannot be used; `needed` is the oldest version that works.
pub fn unusable(needed: impl Display) -> String {
    format!(
        "`make onnxruntime` or `python3 -m pip install onnxruntime` gets a library that works; the programs find it when neither `--ort-lib` nor \
         `ORT_DYLIB_PATH` names another. Its name is `{DLL_PREFIX}onnxruntime{DLL_SUFFIX}`, version {needed} or newer"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hints_name_the_command_and_the_version() {
        for hint in [missing("1.23"), unusable("1.23")] {
            assert!(
                hint.contains("`make onnxruntime`") && hint.contains("1.23"),
                "{hint}"
            );
        }
    }
}
