//! Libraries that are not ONNX Runtime, or that are too old. The tests in `tests/` use the real one, in processes of
//! their own: a process can load only one.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NEEDED, RuntimeError, load};

/// A library made from C source. Skips the calling test and returns `None` where there is no C compiler.
fn compile(folder: &Path, source: &str) -> Option<PathBuf> {
    let (input, output) = (folder.join("library.c"), folder.join("library.so"));
    std::fs::write(&input, source).unwrap();
    let compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&output, &input])
        .status();
    let Ok(status) = compiler else {
        mbn_testing::skip(mbn_testing::Needs::Other, "there is no C compiler `cc`");
        return None;
    };
    assert!(status.success(), "`cc` does not take:\n{source}");
    Some(output)
}

/// A library that claims to be ONNX Runtime `version`, and returns `api` for every version of the interface.
fn onnx_runtime(version: &str, api: &str) -> String {
    format!(
        "struct Base {{ const void *(*get_api)(unsigned); const char *(*get_version)(void); }};
         static const char *get_version(void) {{ return \"{version}\"; }}
         static const void *get_api(unsigned number) {{ return {api}; }}
         static const struct Base base = {{ get_api, get_version }};
         const struct Base *OrtGetApiBase(void) {{ return &base; }}"
    )
}

fn error_of(source: &str) -> Option<RuntimeError> {
    let folder = tempfile::tempdir().unwrap();
    let library = compile(folder.path(), source)?;
    let error = load(&library).unwrap_err();
    assert!(error.to_string().contains("library.so"), "{error}");
    Some(error)
}

#[test]
fn a_version_that_is_too_old_is_named_with_the_one_needed() {
    if let Some(error) = error_of(&onnx_runtime("1.10.0", "&get_version")) {
        assert!(matches!(error, RuntimeError::TooOld { .. }), "{error:?}");
        let message = error.to_string();
        assert!(
            message.contains("1.10.0") && message.contains(&NEEDED.to_string()),
            "{message}"
        );
    }
}

#[test]
fn a_library_without_the_interface_that_its_version_promises_is_refused() {
    if let Some(error) = error_of(&onnx_runtime("1.99.0", "0")) {
        assert!(matches!(error, RuntimeError::TooOld { .. }), "{error:?}");
    }
}

#[test]
fn other_libraries_are_not_onnx_runtime() {
    let unversioned = onnx_runtime("unknown", "&get_version");
    let empty = "const void *OrtGetApiBase(void) { return 0; }";
    for source in ["int answer(void) { return 42; }", empty, &unversioned] {
        if let Some(error) = error_of(source) {
            assert!(matches!(error, RuntimeError::NotOnnxRuntime { .. }), "{error:?}");
        }
    }
}

#[test]
fn a_file_that_is_not_a_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    for content in [&b""[..], b"\x7fELF", b"a text"] {
        std::fs::write(&path, content).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, RuntimeError::NotALibrary { .. }), "{error:?}");
    }
}

#[test]
fn a_named_library_that_does_not_exist_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = super::find(Some(folder.path())).unwrap_err();
    assert!(matches!(error, RuntimeError::NoneInFolder(_)), "{error:?}");
    let error = super::find(Some(&folder.path().join("libonnxruntime.so"))).unwrap_err();
    assert!(matches!(error, RuntimeError::Missing(_)), "{error:?}");
}
