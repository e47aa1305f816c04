//! Compiles the CUDA kernels, each source to a fat binary: machine code for the cards that most runs use, and PTX, which
//! the driver compiles for all later ones.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// From the oldest cards that the kernels run on, Ampere, where bfloat16 begins. PTX for it runs on all later ones.
/// Machine code runs on cards of its own generation: of 8.0 on 8.0 to 8.9, of 9.0 on 9.0.
const CODE: &str = "arch=compute_80,code=[compute_80,sm_80,sm_90]";
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

/// Writes `modules.rs` to cargo's folder: the modules' names and code.
fn compile_all() -> Result<(), String> {
    println!("cargo::rerun-if-changed={SOURCES}");
    for name in ["NVCC", "CUDA_HOME", "PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    let nvcc = find_nvcc()?;
    let sources = sources()?;
    for_each(&sources, |source| compile(&nvcc, source, &image(&out, source)))?;
    let mut modules = String::from("[\n");
    for source in &sources {
        let (name, image) = (source.file_stem().unwrap_or_default(), image(&out, source));
        writeln!(modules, "    ({name:?}, include_bytes!({image:?})),").map_err(|error| error.to_string())?;
    }
    modules.push_str("]\n");
    let list = out.join("modules.rs");
    fs::write(&list, modules).map_err(|error| format!("cannot write `{}`: {error}", list.display()))
}

/// Where a source's code goes.
fn image(out: &Path, source: &Path) -> PathBuf {
    out.join(source.file_name().unwrap_or_default())
        .with_extension("fatbin")
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
    let in_folder = |folder: PathBuf| folder.join("nvcc");
    let named = env::var_os("NVCC").map(PathBuf::from);
    let of_home = env::var_os("CUDA_HOME").map(|home| in_folder(Path::new(&home).join("bin")));
    let path = env::var_os("PATH").unwrap_or_default();
    let found = (named.iter().cloned())
        .chain(of_home)
        .chain(env::split_paths(&path).map(in_folder))
        .find(|path| path.is_file())
        .ok_or(
            "the CUDA compiler `nvcc` is not in `NVCC`, `CUDA_HOME` or `PATH`; `make cuda-toolkit` gets one without a \
             GPU, and `. cuda-toolkit/env.sh` sets what cargo needs",
        )?;
    if let Some(named) = named.filter(|named| *named != found) {
        println!(
            "cargo::warning=`NVCC` names `{}`, which is not a file; the kernels are compiled by `{}`",
            named.display(),
            found.display()
        );
    }
    Ok(found)
}

/// Does `work` for each source, as many at a time as cargo allows.
fn for_each(sources: &[PathBuf], work: impl Fn(&Path) -> Result<(), String> + Sync) -> Result<(), String> {
    let jobs = env::var("NUM_JOBS").ok().and_then(|jobs| jobs.parse().ok());
    let next = AtomicUsize::new(0);
    let worker = || loop {
        match sources.get(next.fetch_add(1, Ordering::Relaxed)) {
            Some(source) => work(source)?,
            None => return Ok(()),
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.unwrap_or(1).max(1))
            .map(|_| scope.spawn(worker))
            .collect();
        (workers.into_iter())
            .try_for_each(|worker| worker.join().map_err(|_| "a compiler's thread panicked")?)
    })
}

fn compile(nvcc: &Path, source: &Path, image: &Path) -> Result<(), String> {
    let mut command = Command::new(nvcc);
    command.args(["--fatbin", "-O3", "-std=c++17"]);
    command.args(["-gencode", CODE, "-Xfatbin", "-compress-all"]);
    command.arg("-o").arg(image).arg(source);
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
