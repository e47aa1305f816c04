//! The examples in `examples/scale/` that need little: what several processes write is what one writes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::{picture, program};
use mbn_testing::{Needs, skip};

const PICTURES: u32 = 40;
const SHARDS: usize = 3;
const WEIGHTS: &str = "models/mobilenet_v1_0.25.safetensors";

/// A list of pictures with names that need care, one of which is broken and one missing.
struct Job {
    folder: tempfile::TempDir,
}

impl Job {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut names = Vec::new();
        for i in 0..PICTURES {
            let name = folder.path().join(format!("{i} 'ä\"$.png"));
            picture(name.clone(), [i as u8, 90, 200], i);
            names.push(name);
        }
        names.insert(7, folder.path().join("missing.png"));
        let broken = folder.path().join("broken.jpg");
        fs::write(&broken, b"\xff\xd8\xff").unwrap();
        names.insert(3, broken);
        let names: String = names.iter().map(|name| format!("{}\n", name.display())).collect();
        fs::write(folder.path().join("names.txt"), names).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines that one process writes, sorted.
    fn one(&self) -> Vec<String> {
        let mut one = program("mbn-infer");
        one.args([
            "--engine",
            "candle",
            "--quiet",
            "--format",
            "json",
            "--bad-images",
            "report",
        ]);
        one.arg("--model").arg(repository(WEIGHTS));
        one.arg("--list").arg(self.at("names.txt"));
        one.arg("--output").arg(self.at("one.jsonl")).assert().success();
        lines([self.at("one.jsonl")])
    }

    /// The lines of all shards that an example writes, sorted.
    fn example(&self, script: &str, options: &str) -> Vec<String> {
        let infer = program("mbn-infer").get_program().to_owned();
        Command::new(repository("examples/scale").join(script))
            .args([options, "--engine", "candle", "--threads", "1", "--model"])
            .arg(repository(WEIGHTS))
            .env("MBN_INFER", infer)
            .env("LIST", self.at("names.txt"))
            .env("OUT", self.folder.path())
            .env("SHARDS", SHARDS.to_string())
            // In a container there is often no other user.
            .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
            .assert()
            .success();
        lines((0..SHARDS).map(|shard| self.at(&format!("part-{shard}.jsonl"))))
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn lines(files: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
    let texts = files.into_iter().map(|file| fs::read_to_string(file).unwrap());
    let mut lines: Vec<_> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    lines.sort();
    lines
}

/// Whether a program is there; records that the test is skipped if not.
fn has(program: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        skip(
            Needs::Launcher,
            format!("`{program}` is not installed (Debian: {package})"),
        );
    }
    found
}

#[test]
fn gnu_parallel_gives_what_one_process_gives() {
    if has("parallel", "parallel") {
        let job = Job::new();
        assert_eq!(job.example("parallel.sh", "--jobs 2"), job.one());
    }
}

#[test]
fn mpirun_gives_what_one_process_gives() {
    if has("mpirun", "openmpi-bin") {
        let job = Job::new();
        let options = format!("-n {SHARDS} --oversubscribe");
        assert_eq!(job.example("mpi.sh", &options), job.one());
    }
}
