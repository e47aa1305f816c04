//! The program with ONNX Runtime's real CUDA provider on stand-ins for NVIDIA's libraries. Needs what `make
//! onnxruntime-cuda` gets, a C compiler and `nm`; skipped if a real driver would hide the stand-in.

mod device;
mod refusals;
mod stand_ins;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::common::{Run, bare, failure, folder, picture};
use stand_ins::{provider, stand_ins};

/// A machine with the provider and stand-ins for NVIDIA's libraries.
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

    /// A run that must fail before it classifies.
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
        let refused = format!("`--device {device}` is not available: ");
        assert!(run.stderr.contains(&refused), "{}", run.stderr);
        run
    }
}
