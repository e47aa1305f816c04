//! The program with ONNX Runtime's real CUDA provider on stand-ins for NVIDIA's libraries: every way in which there is
//! no device, and a network of one product on a device that is the host's memory. Needs what `make onnxruntime-cuda` gets, a C compiler and `nm`; a real driver would be met instead of
//! the stand-in.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Run, bare, failure, folder, picture, success};
use mbn_onnx::builder::{Attribute, GraphBuilder};
use mbn_onnx::proto::{DataType, ModelProto, OperatorSetIdProto};
use mbn_onnx::{Dim, Model, Precision, TensorType};
use mbn_testing::{Needs, skip};
use tempfile::TempDir;

const PROVIDER: &str = "libonnxruntime_providers_cuda.so";
const RUNTIME: &str = "libcudart.so.13";
const DRIVER: &str = "libcuda.so.1";
const CUDNN: &str = "libcudnn.so.9";

/// C sources by library; every other function that the provider wants returns 0.
const SOURCES: [(&str, &str); 4] = [
    (RUNTIME, include_str!("stand_ins/cudart.c")),
    ("libcublas.so.13", include_str!("stand_ins/cublas.c")),
    ("libcublasLt.so.13", include_str!("stand_ins/cublasLt.c")),
    (CUDNN, include_str!("stand_ins/cudnn.c")),
];

/// The provider's folder. Skips the calling test and returns `None` where the tests cannot run.
fn provider() -> Option<PathBuf> {
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
    // The provider asks for cuDNN's functions when it runs, and for none of cuRAND's.
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
            skip(Needs::Gpu, format!("the system has {library}"));
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

const PICTURES: usize = 9;
const SIZE: usize = 32;

/// Writes a classifier that is one product of the pixels with weights.
fn one_product(folder: &TempDir) {
    const CLASSES: usize = 5;
    let batch = || Dim::Symbol("batch".to_owned());
    let image = [batch(), Dim::Fixed(3), Dim::Fixed(SIZE), Dim::Fixed(SIZE)];
    let pixels = 3 * SIZE * SIZE;
    let weights: Vec<f32> = (0..pixels * CLASSES)
        .map(|i| (i * 7919 % 1009) as f32 / 50_450.0 - 0.01)
        .collect();
    let mut graph = GraphBuilder::new("product");
    graph.input("input", &TensorType::new(DataType::Float, image));
    graph.output(
        "logits",
        &TensorType::new(DataType::Float, [batch(), Dim::Fixed(CLASSES)]),
    );
    graph.initializer("weights", &[pixels, CLASSES], &weights, Precision::Fp32);
    graph.node(
        "Flatten",
        "flatten",
        ["input"],
        "row",
        [("axis", Attribute::Int(1))],
    );
    graph.node("Gemm", "product", ["row", "weights"], "logits", []);
    let model = Model::from(ModelProto {
        ir_version: Some(8),
        graph: Some(graph.finish()),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(17),
        }],
        ..ModelProto::default()
    });
    std::fs::write(folder.path().join("model.onnx"), model.to_bytes()).unwrap();
}

impl Machine {
    /// With a device, and a network for it.
    fn with_device() -> Option<Self> {
        let machine = Self::new()?;
        one_product(&machine.pictures);
        for i in 1..PICTURES {
            picture(&machine.pictures, &format!("{i}.png"));
        }
        Some(machine)
    }

    /// Classifies all pictures, on the device unless the arguments say otherwise.
    fn classify(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let mut command = self.program();
        command
            .env("STAND_IN_DEVICES", "1")
            .envs(environment.iter().copied())
            .args(["--format", "json", "--top-k", "5", "."])
            .args(arguments);
        success(&mut command)
    }
}

#[test]
fn what_the_provider_computes_comes_back_to_its_picture() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    let expected = machine.classify(&["--device", "cpu"], &[]);
    assert_eq!(expected.stdout.lines().count(), PICTURES + 1);
    for batch in ["1", "4", "64"] {
        let found = machine.classify(
            &["--device", "cuda", "--batch-size", batch],
            &[("STAND_IN_TRACE", "1")],
        );
        assert_same_lines(&found.stdout, &expected.stdout);
        for part in [
            "placement: 2 nodes on CUDAExecutionProvider",
            "CUDAExecutionProvider on cuda:0 from",
            "on 2 threads by ONNX Runtime 1.31.1, CUDAExecutionProvider on cuda:0",
            "stand-in: page-locked",
            &format!("stand-in: product of {batch} columns"),
        ] {
            assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
        }
        assert!(!found.stderr.contains("graph launched"), "{}", found.stderr);
    }
    let auto = machine.classify(&[], &[]);
    assert_same_lines(&auto.stdout, &expected.stdout);
    assert!(auto.stderr.contains("device: cuda:0"), "{}", auto.stderr);
}

#[test]
fn memory_that_does_not_hold_the_batch_halves_it() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    let expected = machine.classify(&["--device", "cpu"], &[]);
    // An image takes 12 KiB: 85 of them a MiB.
    let limit = ("STAND_IN_MIB", "1");
    let found = machine.classify(&["--device", "cuda", "--batch-size", "256"], &[limit]);
    assert_same_lines(&found.stdout, &expected.stdout);
    for part in [
        "a batch of 256: going on with 128",
        "a batch of 128: going on with 64",
    ] {
        assert_eq!(found.stderr.matches(part).count(), 1, "{}", found.stderr);
    }
    assert!(!found.stderr.contains("going on with 32"), "{}", found.stderr);
}

#[test]
fn a_cuda_graph_is_captured_once_by_each_session_and_replayed() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    let arguments = ["--device", "cuda", "--batch-size", "2", "--cuda-graph"];
    let found = machine.classify(&arguments, &[("STAND_IN_TRACE", "1")]);
    let count = |event: &str| found.stderr.matches(event).count();
    assert_eq!(count("stand-in: graph captured"), 2, "{}", found.stderr);
    // Each warm-up and every batch: no picture is in two, and the last is filled up.
    let batches = (PICTURES + 1).div_ceil(2);
    assert_eq!(count("stand-in: graph launched"), 2 + batches, "{}", found.stderr);
}

#[test]
fn a_network_that_fails_on_the_device_does_not_run_elsewhere() {
    let Some(machine) = Machine::with_device() else {
        return;
    };
    // The built-in network has convolutions, which the stand-in for cuDNN does not know.
    std::fs::remove_file(machine.pictures.path().join("model.onnx")).unwrap();
    let run = machine.refusal("cuda:0", 1, 0);
    assert!(run.stderr.contains("Conv"), "{}", run.stderr);
}

/// The same pictures with the same classes in the same order, and probabilities within what two sums differ by.
fn assert_same_lines(found: &str, expected: &str) {
    const SAME: f64 = 1e-5;
    assert_eq!(found.lines().count(), expected.lines().count(), "{found}");
    for (found, expected) in found.lines().zip(expected.lines()) {
        let (found, expected): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(found).unwrap(),
            serde_json::from_str(expected).unwrap(),
        );
        assert_eq!(found["path"], expected["path"]);
        let classes = |line: &serde_json::Value| line["predictions"].as_array().unwrap().clone();
        for (f, e) in classes(&found).iter().zip(&classes(&expected)) {
            assert_eq!(f["label"], e["label"], "{found}, expected {expected}");
            let difference = f["probability"].as_f64().unwrap() - e["probability"].as_f64().unwrap();
            assert!(difference.abs() < SAME, "{found}, expected {expected}");
        }
    }
}
