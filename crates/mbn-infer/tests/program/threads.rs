//! How many threads the program starts.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{self, failure, folder, library, picture, program, success, without_library};

/// The most threads that the program has while it classifies the folder on `threads` threads.
fn most_threads(folder: &Path, threads: usize, engine: &[&str]) -> usize {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-infer"));
    let mut child = without_library(&mut command)
        .current_dir(folder)
        .args([
            "--threads",
            &threads.to_string(),
            "--model",
            "small.safetensors",
            "pictures",
        ])
        .args(engine)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let most = mbn_testing::most_threads(&mut child);
    assert!(child.wait().unwrap().success());
    most
}

#[test]
fn a_few_threads_more_than_asked_for_are_started() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    for i in 0..24 {
        picture(&folder, &format!("pictures/{i}.png"));
    }
    common::small_weights()
        .save(&folder.path().join("small.safetensors"))
        .unwrap();
    for threads in [1, 2, 5, 64] {
        mbn_testing::expect_threads(threads, "candle", || {
            most_threads(folder.path(), threads, &["--engine", "candle"])
        });
    }
    let Some(library) = library() else { return };
    let library = library.to_str().unwrap();
    for threads in [1, 2, 5, 64] {
        for parity in ["off", "all"] {
            let engine = ["--ort-lib", library, "--parity", parity];
            mbn_testing::expect_threads(threads, &format!("ONNX Runtime, parity {parity}"), || {
                most_threads(folder.path(), threads, &engine)
            });
        }
    }
}

/// The default follows what the process may use, as in a container, not what the machine has.
#[test]
fn the_default_is_what_the_process_may_use() {
    let folder = folder();
    picture(&folder, "a.png");
    let mut command = Command::new("taskset");
    command.args([
        "-c",
        "0",
        env!("CARGO_BIN_EXE_mbn-infer"),
        "--engine",
        "candle",
        "a.png",
    ]);
    without_library(&mut command).current_dir(folder.path());
    // Where `taskset` is missing, the option does what it does.
    let Ok(output) = command.output() else { return };
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        assert!(stderr.contains(" on 1 thread, inference "), "{stderr}");
    }
    let run = success(program(&folder).args(["--threads", "1", "a.png"]));
    assert!(run.stderr.contains("1 image in "), "{}", run.stderr);
    assert!(run.stderr.contains(" on 1 thread, inference "), "{}", run.stderr);
    failure(program(&folder).args(["--threads", "0", "a.png"]), 2);
}
