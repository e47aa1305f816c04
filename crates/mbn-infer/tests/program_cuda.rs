//! The program with ONNX Runtime's real CUDA provider on stand-ins for NVIDIA's libraries: every way in which there is
//! no device. Needs what `make onnxruntime-cuda` gets, a C compiler and `nm`; a real driver would be met instead of
//! the stand-in.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Run, bare, failure, folder, picture, success};
use tempfile::TempDir;

const PROVIDER: &str = "libonnxruntime_providers_cuda.so";
const RUNTIME: &str = "libcudart.so.13";
const DRIVER: &str = "libcuda.so.1";
const CUDNN: &str = "libcudnn.so.9";

/// The CUDA runtime tells as many devices and fails with such a code as the environment says.
const RUNTIME_FUNCTIONS: &str = r#"
    #include <stdlib.h>
    static int number(const char *name) { const char *text = getenv(name); return text ? atoi(text) : 0; }
    int cudaGetDeviceCount(int *count) { *count = number("STAND_IN_DEVICES"); return number("STAND_IN_CODE"); }
    const char *cudaGetErrorString(int code) { return "a stand-in's error"; }
"#;

/// The provider's folder, or `None`, said on stderr.
fn provider() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/cuda/lib");
    let reason = if !folder.join(PROVIDER).is_file() {
        "the CUDA provider is missing; `make onnxruntime-cuda` gets it"
    } else if libloading_finds(DRIVER) {
        "this machine has an NVIDIA driver"
    } else if Command::new("nm").arg("--version").output().is_err()
        || Command::new("cc").arg("--version").output().is_err()
    {
        "no C compiler `cc` or no `nm` to make stand-ins for NVIDIA's libraries with"
    } else {
        return Some(folder);
    };
    eprintln!("skipped: {reason}");
    None
}

fn libloading_finds(name: &str) -> bool {
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
    // No function of these is called, or none before there is a device.
    for library in ["libcurand.so.10", "libcublasLt.so.13", "libcublas.so.13", CUDNN] {
        libraries.entry(library.to_owned()).or_default();
    }
    libraries.insert(DRIVER.to_owned(), vec!["cuTensorMapEncodeTiled".to_owned()]);
    libraries
}

/// Compiles libraries of the names and functions that the provider wants.
fn stand_ins(provider: &Path) -> TempDir {
    let folder = folder();
    for (library, functions) in wanted(provider) {
        let mut source = String::new();
        if library == RUNTIME {
            source += RUNTIME_FUNCTIONS;
        }
        for function in &functions {
            if !RUNTIME_FUNCTIONS.contains(&format!("{function}(")) {
                writeln!(source, "long {function}(void) {{ return 1; }}").unwrap();
            }
        }
        let path = |extension: &str| folder.path().join(format!("{library}{extension}"));
        std::fs::write(path(".c"), source).unwrap();
        std::fs::write(path(".map"), format!("{library} {{ global: *; }};")).unwrap();
        let script = format!("-Wl,--version-script,{}", path(".map").display());
        let mut compiler = Command::new("cc");
        compiler.args(["-w", "-shared", "-fPIC", "-fno-builtin"]);
        compiler.arg(format!("-Wl,-soname,{library}"));
        if library != DRIVER {
            compiler.arg(script);
        }
        let status = compiler.arg("-o").args([path(""), path(".c")]).status().unwrap();
        assert!(status.success(), "`cc` does not take the stand-in for {library}");
    }
    folder
}

struct Machine {
    provider: PathBuf,
    libraries: TempDir,
    pictures: TempDir,
}

impl Machine {
    fn new() -> Option<Self> {
        let provider = provider()?;
        let pictures = folder();
        picture(&pictures, "a.png");
        Some(Self {
            libraries: stand_ins(&provider),
            provider,
            pictures,
        })
    }

    fn program(&self) -> assert_cmd::Command {
        let mut command = bare(&self.pictures);
        for name in ["MBN_CUDA_LIBS", "VIRTUAL_ENV", "CONDA_PREFIX"] {
            command.env_remove(name);
        }
        command.env("LD_LIBRARY_PATH", self.libraries.path()).args([
            "--ort-lib",
            self.provider.to_str().unwrap(),
            "a.png",
        ]);
        command
    }

    /// A run that is to fail before it classifies.
    fn refusal(&self, device: &str, devices: u32, code: u32) -> Run {
        let run = failure(
            self.program()
                .env("STAND_IN_DEVICES", devices.to_string())
                .env("STAND_IN_CODE", code.to_string())
                .args(["--device", device]),
            1,
        );
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
        let refused = format!("`--device {device}` cannot be had: ");
        assert!(run.stderr.contains(&refused), "{}", run.stderr);
        run
    }
}

#[test]
fn failures_of_the_device_have_their_own_messages() {
    let Some(machine) = Machine::new() else { return };
    for (code, message, hint) in [
        (100, "the NVIDIA driver finds no CUDA device", "nvidia-smi"),
        (35, "is too old for the CUDA provider", "driver 580 or newer"),
        (34, "is a stub to link with", "install NVIDIA's driver"),
        (2, "the memory of CUDA device 1 does not suffice", "--batch-size"),
        (209, "has no code for", "--device cpu"),
        (999, "CUDA failure 999: a stand-in's error", "--log-level debug"),
    ] {
        let run = machine.refusal("cuda:1", 2, code);
        assert!(run.stderr.contains(message), "{code}: {}", run.stderr);
        assert!(run.stderr.contains(hint), "{code}: {}", run.stderr);
    }
}

#[test]
fn an_index_out_of_range_is_named() {
    let Some(machine) = Machine::new() else { return };
    let run = machine.refusal("cuda:5", 2, 0);
    assert!(run.stderr.contains("there is no CUDA device 5"), "{}", run.stderr);
    assert!(run.stderr.contains("`cuda:1`"), "{}", run.stderr);
}

#[test]
fn each_missing_library_is_named_with_what_has_it() {
    let Some(machine) = Machine::new() else { return };
    for (library, package) in [
        (RUNTIME, "nvidia-cuda-runtime"),
        ("libcublasLt.so.13", "nvidia-cublas"),
        ("libcublas.so.13", "nvidia-cublas"),
        ("libcurand.so.10", "nvidia-curand"),
        (CUDNN, "nvidia-cudnn-cu13"),
    ] {
        if libloading_finds(library) {
            eprintln!("skipped: the system has {library}");
            continue;
        }
        let (there, away) = (
            machine.libraries.path().join(library),
            machine.pictures.path().join("away"),
        );
        std::fs::rename(&there, &away).unwrap();
        let run = machine.refusal("cuda:0", 1, 100);
        std::fs::rename(&away, &there).unwrap();
        assert!(
            run.stderr.contains(&format!("`{library}`, which")),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains(package), "{}", run.stderr);
    }
    std::fs::remove_file(machine.libraries.path().join(DRIVER)).unwrap();
    let run = machine.refusal("cuda:0", 1, 100);
    assert!(run.stderr.contains("there is no NVIDIA driver"), "{}", run.stderr);
}

#[test]
fn libraries_are_found_in_the_folders_named() {
    let Some(machine) = Machine::new() else { return };
    // A Python environment with the packages; the driver alone is the system's.
    let environment = folder();
    let packages = environment
        .path()
        .join("lib/python3.12/site-packages/nvidia/cu13/lib");
    std::fs::create_dir_all(&packages).unwrap();
    for entry in std::fs::read_dir(machine.libraries.path()).unwrap().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(DRIVER) {
            std::fs::rename(entry.path(), packages.join(entry.file_name())).unwrap();
        }
    }
    let found = "the NVIDIA driver finds no CUDA device";
    let run = |command: &mut assert_cmd::Command| {
        failure(command.env("STAND_IN_CODE", "100").args(["--device", "cuda"]), 1).stderr
    };
    for folder in [environment.path(), &packages] {
        let stderr = run(machine.program().arg("--cuda-libs").arg(folder));
        assert!(stderr.contains(found), "{stderr}");
    }
    for variable in ["MBN_CUDA_LIBS", "VIRTUAL_ENV", "CONDA_PREFIX"] {
        let stderr = run(machine.program().env(variable, environment.path()));
        assert!(stderr.contains(found), "{stderr}");
    }
    if !libloading_finds(RUNTIME) {
        let stderr = run(&mut machine.program());
        assert!(stderr.contains("which the CUDA provider needs"), "{stderr}");
    }
}

#[test]
fn auto_takes_the_cpu_and_says_why() {
    let Some(machine) = Machine::new() else { return };
    let run = success(machine.program().env("STAND_IN_CODE", "100"));
    assert!(run.stdout.starts_with("a.png: "), "{}", run.stdout);
    for part in [
        "device: cpu, since the NVIDIA driver finds no CUDA device",
        "engine: ONNX Runtime",
        "by ONNX Runtime 1.31.1, CPUExecutionProvider",
        "parity passed",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    let cpu = success(machine.program().args(["--device", "cpu"]));
    assert_eq!(cpu.stdout, run.stdout);
    assert!(!cpu.stderr.contains("device: "), "{}", cpu.stderr);
}

#[test]
fn a_provider_that_is_not_beside_onnx_runtime_is_named() {
    let Some(machine) = Machine::new() else { return };
    let library = machine.provider.join("libonnxruntime.so.1.31.1");
    let copy = machine.pictures.path().join("libonnxruntime.so.1.31.1");
    std::fs::copy(library, &copy).unwrap();
    let run = failure(
        bare(&machine.pictures).args(["--ort-lib", copy.to_str().unwrap(), "--device", "cuda", "a.png"]),
        1,
    );
    assert!(run.stderr.contains(PROVIDER), "{}", run.stderr);
    assert!(run.stderr.contains("make onnxruntime-cuda"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}
