//! A folder with pictures, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mbn_onnx::ExportOptions;
use serde_json::Value;
use tempfile::TempDir;

/// How a run ended.
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap(),
        }
    }

    /// As [`Run::of`]; `None` if the program was killed.
    pub fn of_killed(output: Output) -> Option<Self> {
        output.status.code()?;
        Some(Self::of(output))
    }
}

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Saves a picture whose content follows from its name.
pub fn picture(folder: &TempDir, name: &str) {
    let seed = name
        .bytes()
        .fold(7u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let pixel = |x: u32, y: u32| {
        let value = |k: u32| ((x * (k + seed % 5) + y * (seed % 7) + seed % 251 * k) % 256) as u8;
        image::Rgb([value(1), value(2), value(3)])
    };
    image::RgbImage::from_fn(60, 40, pixel)
        .save(folder.path().join(name))
        .unwrap();
}

/// Files of [`pictures`].
pub const NAMES: [&str; 3] = ["a.png", "b.jpg", "c.png"];

/// Pictures as files, the second of which is broken.
pub fn pictures() -> TempDir {
    let folder = folder();
    NAMES.iter().for_each(|name| picture(&folder, name));
    std::fs::write(folder.path().join("b.jpg"), "no picture").unwrap();
    folder
}

/// Path and predictions, or the error, of each result in JSON.
pub fn results(run: &Run) -> Vec<(String, Value)> {
    let result = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let found = line.get("predictions").or(line.get("error")).unwrap().clone();
        (line["path"].as_str().unwrap().to_owned(), found)
    };
    run.stdout.lines().map(result).collect()
}

/// Variables that name a library, or a Python environment that may have one.
const NAMING: [&str; 3] = ["ORT_DYLIB_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"];

/// The program in the folder, with no library named by the environment.
pub fn bare(folder: &TempDir) -> assert_cmd::Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-infer"));
    without_library(&mut command).current_dir(folder.path());
    assert_cmd::Command::from_std(command)
}

pub fn without_library(command: &mut Command) -> &mut Command {
    for variable in NAMING {
        command.env_remove(variable);
    }
    command.env("NO_COLOR", "1")
}

/// As [`bare`], with candle.
pub fn program(folder: &TempDir) -> assert_cmd::Command {
    let mut command = bare(folder);
    command.args(["--engine", "candle"]);
    command
}

pub fn success(command: &mut assert_cmd::Command) -> Run {
    failure(command, 0)
}

pub fn run(command: &mut assert_cmd::Command) -> Run {
    Run::of(command.output().unwrap())
}

/// Runs the program, which must end with the exit code `code`.
pub fn failure(command: &mut assert_cmd::Command, code: i32) -> Run {
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.code, code, "{}", run.stderr);
    run
}

pub fn stderr(run: &Run) -> &str {
    &run.stderr
}

pub fn class_names() -> Vec<String> {
    mbn_infer::builtin::weights().unwrap().class_names()
}

/// Probabilities of one network through different paths: float32 logits may differ by 1e-4.
pub fn assert_same(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= 1e-4, "{found:?}, expected {expected:?}");
    }
}

/// The built-in weights for small pictures, which take little time.
pub fn small_weights() -> mbn_weights::Weights {
    let weights = mbn_infer::builtin::weights().unwrap();
    let mut metadata = weights.metadata().clone();
    metadata.preprocess = Some(mbn_spec::Preprocess {
        size: 32,
        ..metadata.preprocess.unwrap_or_default()
    });
    weights.with_metadata(metadata).unwrap()
}

/// Writes the built-in weights as an ONNX file.
pub fn export(folder: &TempDir, name: &str, options: &ExportOptions) {
    let model = mbn_onnx::export(&mbn_infer::builtin::weights().unwrap(), options).unwrap();
    std::fs::write(folder.path().join(name), model.to_bytes()).unwrap();
}

/// Writes random weights.
pub fn other_weights(folder: &TempDir, name: &str) {
    let architecture = *mbn_infer::builtin::weights().unwrap().architecture();
    let weights = mbn_model::random_weights(architecture, 3, &candle_core::Device::Cpu).unwrap();
    weights.save(&folder.path().join(name)).unwrap();
}

/// Where `make onnxruntime` puts the library, or what the environment names. Skips the calling test and returns `None`
/// where there is none.
pub fn library() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH") {
        return Some(path.into());
    }
    let download = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    if download.is_dir() {
        return Some(download);
    }
    let reason = "ONNX Runtime is missing; `make onnxruntime` gets it";
    mbn_testing::skip(mbn_testing::Needs::Other, reason);
    None
}
