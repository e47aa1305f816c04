//! Every reason why a device is not available.

use mbn_testing::{Needs, skip};

use super::Machine;
use super::stand_ins::{CUDNN, DRIVER, PROVIDER, RUNTIME, libloading_finds};
use crate::common::{bare, failure, folder, success};

#[test]
fn failures_of_the_device_have_their_own_messages() {
    let Some(machine) = Machine::new() else { return };
    for (code, message, hint) in [
        (100, "the NVIDIA driver finds no CUDA device", "nvidia-smi"),
        (35, "is too old for the CUDA provider", "driver 580 or newer"),
        (34, "is a stub to link with", "install NVIDIA's driver"),
        (2, "CUDA device 1 has too little memory", "--batch-size"),
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
fn each_missing_library_is_named_with_its_package() {
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
    // A Python environment with the packages; only the driver is the system's.
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
