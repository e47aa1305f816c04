//! How much memory the program takes at most. The only test of its process: what its children took is counted together.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use assert_cmd::Command;
use candle_core::Device;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess};
use nix::sys::resource::{UsageWho, getrusage};

/// Pictures of 12 MB each.
const PICTURES: u32 = 100;
const SIDE: u32 = 2000;

#[test]
fn pictures_for_calibration_are_not_all_whole_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let architecture = Architecture::new(Alpha::Quarter, 3);
    let metadata = Metadata {
        preprocess: Some(Preprocess {
            size: 32,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    let weights = mbn_model::random_weights(architecture, 5, &Device::Cpu).unwrap();
    let weights = weights.with_metadata(metadata).unwrap();
    weights.save(&at("w.safetensors")).unwrap();
    std::fs::create_dir(at("photos")).unwrap();
    save_photos(&at("photos"));
    let program = assert_cmd::cargo::cargo_bin!("mbn-export");
    Command::new(program)
        .current_dir(folder.path())
        .args([
            "--weights=w.safetensors",
            "--precision=int8",
            "--calibration=photos",
        ])
        .args(["--calibrate-by=minmax", "--no-verify", "--threads=2", "out.onnx"])
        .assert()
        .success();
    let kilobytes = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    // macOS counts bytes.
    let megabytes = kilobytes >> if cfg!(target_os = "macos") { 20 } else { 10 };
    assert!(megabytes < 500, "{megabytes} MB");
}

/// Photos that differ a little: what is measured does not depend on what they show.
fn save_photos(folder: &Path) {
    for i in 0..PICTURES {
        let photo = image::RgbImage::from_fn(SIDE, SIDE, |x, y| {
            image::Rgb([0, 1, 2].map(|c| ((x / 125 * 91 + y / 125 * 53 + c * 101 + i) % 223) as u8))
        });
        photo.save(folder.join(format!("{i}.png"))).unwrap();
    }
}
