//! Compiles the CUDA kernels to PTX, which the driver translates for the card that it finds.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The oldest cards that the kernels run on, Ampere: bfloat16 begins there. PTX for it runs on all later ones.
const ARCHITECTURE: &str = "compute_80";
const SOURCES: &str = "src/kernels";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return ExitCode::SUCCESS;
    }
    match compile_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

/// Writes `ptx.rs` to cargo's folder: the modules' names and code.
fn compile_all() -> Result<(), String> {
    println!("cargo::rerun-if-changed={SOURCES}");
    for name in ["NVCC", "CUDA_HOME", "PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    let nvcc = find_nvcc()?;
    let mut modules = String::from("[\n");
    for source in sources()? {
        let ptx = out
            .join(source.file_name().unwrap_or_default())
            .with_extension("ptx");
        compile(&nvcc, &source, &ptx)?;
        let name = source.file_stem().unwrap_or_default();
        writeln!(modules, "    ({name:?}, include_str!({ptx:?})),").map_err(|error| error.to_string())?;
    }
    modules.push_str("]\n");
    let list = out.join("ptx.rs");
    fs::write(&list, modules).map_err(|error| format!("cannot write `{}`: {error}", list.display()))
}

/// The `.cu` files, in the order of their names.
fn sources() -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(SOURCES).map_err(|error| format!("cannot read `{SOURCES}`: {error}"))?;
    let mut sources: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension() == Some(OsStr::new("cu")))
        .collect();
    sources.sort();
    Ok(sources)
}

/// `NVCC`, else the one of `CUDA_HOME`, else the one that the shell would find.
fn find_nvcc() -> Result<PathBuf, String> {
    let of_home = |home| Path::new(&home).join("bin").join("nvcc");
    let named = env::var_os("NVCC").map(PathBuf::from);
    let named = named.or_else(|| env::var_os("CUDA_HOME").map(of_home));
    let on_path = || {
        let folders = env::var_os("PATH")?;
        env::split_paths(&folders)
            .map(|folder| folder.join("nvcc"))
            .find(|path| path.is_file())
    };
    named
        .filter(|path| path.is_file())
        .or_else(on_path)
        .ok_or_else(|| {
            "the CUDA compiler `nvcc` is not in `NVCC`, `CUDA_HOME` or `PATH`; `make cuda-toolkit` gets one without \
             a GPU, and `. cuda-toolkit/env.sh` sets what cargo needs"
                .to_owned()
        })
}

fn compile(nvcc: &Path, source: &Path, ptx: &Path) -> Result<(), String> {
    let mut command = Command::new(nvcc);
    command
        .args(["--ptx", "-O3", "-std=c++17"])
        .arg(format!("-arch={ARCHITECTURE}"));
    command.arg("-o").arg(ptx).arg(source);
    let output = command
        .output()
        .map_err(|error| format!("cannot run `{}`: {error}", nvcc.display()))?;
    if output.status.success() {
        return Ok(());
    }
    // cargo shows a message's first line only; the compiler's own go to stderr.
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    Err(format!(
        "`{}` could not compile `{}`; its messages follow",
        nvcc.display(),
        source.display()
    ))
}
