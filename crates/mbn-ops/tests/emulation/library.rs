//! The kernels' sources, compiled for the CPU.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use libloading::Library;
use mbn_ops::kernels::{Launch, MODULES};
use mbn_testing::{Needs, skip};

/// `emulation_launch` of `emulation.h`.
type Run = unsafe extern "C" fn(
    *const c_char,
    *const c_uint,
    *const c_uint,
    c_uint,
    *mut *mut c_void,
    u64,
    *const [u64; 2],
    usize,
    *mut c_char,
    usize,
) -> c_int;

/// Compiled sources by name.
pub struct Sources(BTreeMap<String, Library>);

/// The kernels. Skips the calling test and returns `None` where there is no C++ compiler.
pub fn kernels() -> Option<&'static Sources> {
    static SOURCES: OnceLock<Result<Sources, String>> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels");
    or_skip(SOURCES.get_or_init(|| Sources::compile(&folder, &MODULES)))
}

/// Sources that are wrong on purpose. Skips as [`kernels`] does.
pub fn broken() -> Option<&'static Sources> {
    static SOURCES: OnceLock<Result<Sources, String>> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulation");
    or_skip(SOURCES.get_or_init(|| Sources::compile(&folder, &["broken"])))
}

fn or_skip(compiled: &Result<Sources, String>) -> Option<&Sources> {
    compiled
        .as_ref()
        .map_err(|reason| skip(Needs::Other, reason))
        .ok()
}

impl Sources {
    /// An error says that there is no compiler. Panics if a source does not compile.
    fn compile(folder: &Path, names: &[&str]) -> Result<Self, String> {
        /// Compilers that run at once.
        const JOBS: usize = 2;
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
        if let Err(error) = Command::new(&compiler).arg("--version").output() {
            return Err(format!(
                "the C++ compiler `{compiler}` does not run ({error}); set `CXX`"
            ));
        }
        let out = tempfile::tempdir().unwrap();
        for names in names.chunks(JOBS) {
            let children: Vec<(&&str, Child)> = names
                .iter()
                .map(|name| (name, start(&compiler, folder, out.path(), name)))
                .collect();
            for (name, child) in children {
                let output = child.wait_with_output().unwrap();
                let messages = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{name}.cu: {messages}");
            }
        }
        let load = |name: &&str| {
            // SAFETY: the library is what was compiled above; loading it only fills its table of kernels.
            let library = unsafe { Library::new(out.path().join(format!("{name}.so"))) };
            ((*name).to_owned(), library.unwrap())
        };
        Ok(Self(names.iter().map(load).collect()))
    }

    /// Runs a kernel, which may read the given ranges of addresses, in their order; the message of what it did wrong.
    pub fn run(&self, launch: &Launch, seed: u64, ranges: &[[u64; 2]]) -> Result<(), String> {
        let Some(library) = self.0.get(launch.module) else {
            return Err(format!("no module `{}`", launch.module));
        };
        let name = CString::new(launch.kernel).unwrap();
        let mut args: Vec<*mut c_void> = launch.args.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
        let mut message = [0u8; 512];
        // SAFETY: `emulation.h` defines the function with this type.
        let run = unsafe { library.get::<Run>(b"emulation_launch") }.unwrap();
        // SAFETY: all pointers are to values that live until the call returns, and arguments are only read. The
        // kernel writes to the addresses among its arguments, which are an `Emulation`'s, to whose memory nobody
        // holds a reference meanwhile; that the kernel keeps within them is what the guard zones are for.
        let status = unsafe {
            run(
                name.as_ptr(),
                launch.grid.as_ptr(),
                launch.block.as_ptr(),
                launch.shared,
                args.as_mut_ptr(),
                seed,
                ranges.as_ptr(),
                ranges.len(),
                message.as_mut_ptr().cast(),
                message.len(),
            )
        };
        if status == 0 {
            return Ok(());
        }
        let text = CStr::from_bytes_until_nul(&message).unwrap_or_default();
        Err(format!("{}: {}", launch.kernel, text.to_string_lossy()))
    }
}

fn start(compiler: &str, folder: &Path, out: &Path, name: &str) -> Child {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulation/emulation.h");
    // Fused multiply-adds where the sources say so, as the CPU's kernels have them, and nowhere else.
    Command::new(compiler)
        .args([
            "-std=c++17",
            "-O1",
            "-march=native",
            "-ffp-contract=off",
            "-fno-strict-aliasing",
        ])
        .args([
            "-U_FORTIFY_SOURCE",
            "-Wall",
            "-Wno-unknown-pragmas",
            "-fPIC",
            "-shared",
        ])
        .args(["-fvisibility=hidden", "-x", "c++", "-include"])
        .arg(header)
        .arg(folder.join(format!("{name}.cu")))
        .arg("-o")
        .arg(out.join(format!("{name}.so")))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
