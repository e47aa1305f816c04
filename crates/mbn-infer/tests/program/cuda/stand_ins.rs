//! Stand-ins for NVIDIA's libraries, compiled from C sources beside this file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use mbn_testing::{Needs, skip};
use tempfile::TempDir;

use crate::common::folder;

pub const PROVIDER: &str = "libonnxruntime_providers_cuda.so";
pub const RUNTIME: &str = "libcudart.so.13";
pub const DRIVER: &str = "libcuda.so.1";
pub const CUDNN: &str = "libcudnn.so.9";

/// C sources by library; every other function that the provider wants returns 0.
const SOURCES: [(&str, &str); 5] = [
    (DRIVER, include_str!("stand_ins/cuda.c")),
    (RUNTIME, include_str!("stand_ins/cudart.c")),
    ("libcublas.so.13", include_str!("stand_ins/cublas.c")),
    ("libcublasLt.so.13", include_str!("stand_ins/cublasLt.c")),
    (CUDNN, include_str!("stand_ins/cudnn.c")),
];

/// The provider's folder. Skips the calling test and returns `None` where the tests cannot run.
pub fn provider() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/cuda/lib");
    let (needs, reason) = if !folder.join(PROVIDER).is_file() {
        let reason = "the CUDA provider is missing; `make onnxruntime-cuda` gets it";
        (Needs::Download, reason)
    } else if libloading_finds(DRIVER) {
        (Needs::Gpu, "this machine has an NVIDIA driver")
    } else if Command::new("nm").arg("--version").output().is_err()
        || Command::new("cc").arg("--version").output().is_err()
    {
        let reason = "no C compiler `cc` or no `nm` to make stand-ins for NVIDIA's libraries with";
        (Needs::Other, reason)
    } else {
        return Some(folder);
    };
    skip(needs, reason);
    None
}

pub fn libloading_finds(name: &str) -> bool {
    ort::util::preload_dylib(name).is_ok()
}

/// Functions that the provider wants, by library: the version of each symbol is its library's name.
fn wanted(provider: &Path) -> BTreeMap<String, Vec<String>> {
    let output = Command::new("nm")
        .args(["-D", "--undefined-only"])
        .arg(provider.join(PROVIDER))
        .output()
        .unwrap();
    assert!(output.status.success());
    let mut libraries = BTreeMap::<String, Vec<String>>::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let symbol = line.split_whitespace().last().unwrap_or_default();
        if let Some((name, library)) = symbol.split_once('@')
            && ["libcudart.", "libcublas", "libcurand."]
                .iter()
                .any(|prefix| library.starts_with(prefix))
        {
            libraries
                .entry(library.to_owned())
                .or_default()
                .push(name.to_owned());
        }
    }
    // The provider asks for cuDNN's functions when it runs, and for none of cuRAND's.
    for library in ["libcurand.so.10", "libcublasLt.so.13", "libcublas.so.13", CUDNN] {
        libraries.entry(library.to_owned()).or_default();
    }
    libraries.insert(DRIVER.to_owned(), vec!["cuTensorMapEncodeTiled".to_owned()]);
    libraries
}

/// Compiles libraries of the names and functions that the provider wants.
pub fn stand_ins(provider: &Path) -> TempDir {
    let folder = folder();
    for (library, functions) in wanted(provider) {
        let written = SOURCES.iter().find(|(name, _)| *name == library);
        let written = written.map_or("", |(_, source)| source);
        let has = |function: &str| {
            [" ", "*"]
                .iter()
                .any(|before| written.contains(&format!("{before}{function}(")))
        };
        let mut source = written.to_owned();
        for function in functions.iter().filter(|function| !has(function)) {
            writeln!(source, "long {function}(void) {{ return 0; }}").unwrap();
        }
        let path = |extension: &str| folder.path().join(format!("{library}{extension}"));
        std::fs::write(path(".c"), source).unwrap();
        std::fs::write(path(".map"), format!("{library} {{ global: *; }};")).unwrap();
        let script = format!("-Wl,--version-script,{}", path(".map").display());
        let mut compiler = Command::new("cc");
        compiler.args(["-w", "-shared", "-fPIC", "-fno-builtin", "-O2"]);
        compiler.arg(format!("-Wl,-soname,{library}"));
        if library != DRIVER {
            compiler.arg(script);
        }
        let status = compiler.arg("-o").args([path(""), path(".c")]).status().unwrap();
        assert!(status.success(), "`cc` does not take the stand-in for {library}");
    }
    folder
}
