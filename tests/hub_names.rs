//! Weights named on the Hugging Face Hub, as users of the three programs name them. The cache is written here, and the
//! programs are told to stay offline; the tests of `mbn-fetch` fetch.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use std::path::Path;

use assert_cmd::Command;
use common::{picture, program};
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const SHIPPED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/models/mobilenet_v1_0.25.safetensors"
);

/// A program that has the cache in `hf` below the folder, and no network.
fn here(folder: &Path, name: &str) -> Command {
    let mut command = program(name);
    command
        .current_dir(folder)
        .env("HF_HOME", folder.join("hf"))
        .env("HF_HUB_OFFLINE", "1")
        .env_remove("HF_HUB_CACHE")
        .env_remove("HUGGINGFACE_HUB_CACHE");
    command
}

/// Puts the weights that this repository ships into the cache, as `owner/net`.
fn cache(folder: &Path) {
    let repository = folder.join("hf/hub/models--owner--net");
    let snapshot = repository.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir_all(repository.join("refs")).unwrap();
    std::fs::write(repository.join("refs/main"), COMMIT).unwrap();
    std::fs::copy(SHIPPED, snapshot.join("model.safetensors")).unwrap();
}

#[test]
fn every_program_takes_a_name_on_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    cache(folder);
    let pinned = format!("hf:owner/net@{COMMIT}:model.safetensors");
    let weights = Weights::load(Path::new(SHIPPED)).unwrap();

    here(folder, "mbn-export")
        .args(["--weights", "hf:owner/net", "--no-verify", "model.onnx"])
        .assert()
        .success()
        .stderr(contains(format!("`hf:owner/net`: in the cache, `{pinned}`")));
    let model = mbn_onnx::Model::load(&folder.join("model.onnx")).unwrap();
    assert_eq!(model.weights_sha256(), Some(weights.sha256().as_str()));

    for (split, count) in [("train", 16), ("val", 2)] {
        for (class, colour) in [("blue", [0, 30, 180]), ("red", [180, 30, 0])] {
            for i in 0..count {
                picture(folder.join(format!("data/{split}/{class}/{i}.png")), colour, i);
            }
        }
    }
    here(folder, "mbn-infer")
        .args([
            "--engine",
            "candle",
            "--model",
            "hf:owner/net@main:model.safetensors",
            "data/val",
        ])
        .assert()
        .success()
        .stderr(contains(&pinned));

    // The run says which weights it started from.
    let line = "--data data --init hf:owner/net --size 32 --epochs 1 --batch-size 8 --no-publish --out run";
    here(folder, "mbn-train").args(line.split(' ')).assert().success();
    let settings = std::fs::read_to_string(folder.join("run/settings.toml")).unwrap();
    assert!(settings.contains(&format!("init = \"{pinned}\"")), "{settings}");
    let trained = Weights::load(&folder.join("run/best.safetensors")).unwrap();
    let training = trained.metadata().training.as_ref().unwrap();
    assert_eq!(training.init.as_deref(), Some(pinned.as_str()));
    assert_eq!(training.init_sha256.as_deref(), Some(weights.sha256().as_str()));
}

#[test]
fn what_is_wrong_with_a_name_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    cache(folder);
    for (name, code, message, hint) in [
        (
            "hf:net",
            2,
            "names no owner and repository, expected `hf:OWNER/NAME`",
            "`./hf:net`",
        ),
        (
            "hf:owner/other",
            1,
            "`hf:owner/other` is not in the cache",
            "`HF_HUB_OFFLINE`",
        ),
        (
            "hf:owner/net:other.pth",
            1,
            "`hf:owner/net:other.pth` is not in the cache",
            "",
        ),
    ] {
        here(folder, "mbn-export")
            .args(["--weights", name, "--no-verify", "model.onnx"])
            .assert()
            .code(code)
            .stderr(contains(message).and(contains(hint)));
    }
}
