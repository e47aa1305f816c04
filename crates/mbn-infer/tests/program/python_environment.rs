//! ONNX Runtime of a Python environment: the one that the program is installed in, and the active one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::common::{Run, folder, library, picture, without_library};

/// An environment with ONNX Runtime in its packages, and the library there. Skips the calling test and returns `None` where
/// there is no ONNX Runtime.
fn environment() -> Option<(TempDir, PathBuf)> {
    let real = library()?;
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("libonnxruntime.") && path.is_file()
    };
    let real = match real.is_dir() {
        true => fs::read_dir(&real)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(is_library),
        false => Some(real),
    };
    let real = real.unwrap().canonicalize().unwrap();
    let environment = folder();
    // The program resolves links on the way to itself.
    let root = environment.path().canonicalize().unwrap();
    let packages = root.join("lib/python3.12/site-packages/onnxruntime/capi");
    fs::create_dir_all(&packages).unwrap();
    let link = packages.join(real.file_name().unwrap());
    symlink(real, &link).unwrap();
    Some((environment, link))
}

/// A copy of the program at `path`, away from the repository and its download.
fn install(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_mbn-infer"), path).unwrap();
}

/// Classifies a picture; nothing names a library but the environment `active`, if given.
fn classify(program: &Path, active: Option<&Path>) -> Run {
    let folder = folder();
    picture(&folder, "a.png");
    let mut command = Command::new(program);
    without_library(&mut command).current_dir(folder.path());
    if let Some(active) = active {
        command.env("VIRTUAL_ENV", active);
    }
    Run::of(
        command
            .args(["--device=cpu", "--parity=off", "a.png"])
            .output()
            .unwrap(),
    )
}

#[track_caller]
fn assert_found(run: &Run, library: &Path) {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let from = format!("from `{}`", library.display());
    assert!(run.stderr.contains(&from), "expected {from}: {}", run.stderr);
}

#[test]
fn the_environment_that_the_program_is_installed_in_has_the_library() {
    let Some((environment, library)) = environment() else {
        return;
    };
    let program = environment.path().join("bin/mbn-infer");
    install(&program);
    assert_found(&classify(&program, None), &library);
    // As pipx and uv install it.
    let home = folder();
    let link = home.path().join("mbn-infer");
    symlink(&program, &link).unwrap();
    assert_found(&classify(&link, None), &library);
    // Another environment that is active comes second.
    let active = folder();
    assert_found(&classify(&program, Some(active.path())), &library);
}

#[test]
fn the_active_environment_has_the_library() {
    let Some((environment, library)) = environment() else {
        return;
    };
    let other = folder();
    let program = other.path().join("bin/mbn-infer");
    install(&program);
    assert_found(&classify(&program, Some(environment.path())), &library);
}
