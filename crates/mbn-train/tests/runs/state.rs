//! `state.safetensors`: what it holds, and the files that follow from it.

use crate::common::{assert_same, data, read, run, uninterrupted};
use predicates::str::contains;

/// Steps of the run: 4 epochs of 16 images, 4 in a batch.
const STEPS: u64 = 16;

/// The files of an epoch are written after the state. Resuming writes those that are older or missing.
#[test]
fn resuming_makes_the_files_match_the_state() {
    let folder = data();
    let whole = uninterrupted(folder.path(), "");
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(whole.join("state.safetensors"), copy.join("state.safetensors")).unwrap();
    std::fs::write(copy.join("history.csv"), "of another run\n").unwrap();
    std::fs::write(copy.join("best.safetensors"), "of another run\n").unwrap();
    std::fs::write(copy.join(".mbn-x.tmp"), "half of a file").unwrap();
    run(folder.path(), "--resume copy --threads 2").success();
    assert_same(&whole, &copy);
}

#[test]
fn the_state_holds_what_the_run_needs() {
    let folder = data();
    let whole = uninterrupted(folder.path(), "");
    let bytes = read(whole.join("state.safetensors"));
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let progress: serde_json::Value =
        serde_json::from_str(&header.metadata().as_ref().unwrap()["progress"]).unwrap();
    assert_eq!(progress["steps"], STEPS);
    let names: Vec<_> = header.tensors().into_keys().collect();
    for name in ["weights", "average", "best", "confusion", "optimizer.fc.weight"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
}

#[test]
fn a_state_of_another_architecture_is_refused() {
    let folder = data();
    let whole = uninterrupted(folder.path(), "");
    let path = whole.join("state.safetensors");
    let good = read(&path);
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = good
            .windows(from.len())
            .position(|part| part == from.as_bytes())
            .unwrap();
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let resume = |bytes: &[u8], message: &str| {
        std::fs::write(&path, bytes).unwrap();
        run(folder.path(), "--resume whole")
            .code(1)
            .stderr(contains(message))
            .stderr(contains("state.safetensors"));
    };
    resume(
        &replaced(r#"\"alpha\":0.25"#, r#"\"alpha\":0.75"#),
        "another architecture",
    );
    resume(&good[..good.len() / 2], "cannot resume from");
    resume(b"", "cannot resume from");
    let weights = read(whole.join("best.safetensors"));
    resume(&weights, "it is not the state of a run");
    // A hole takes no room on a disk, but all of it in memory.
    #[cfg(unix)]
    {
        let file = std::fs::OpenOptions::new().write(true).open(&path);
        file.unwrap().set_len(1 << 40).unwrap();
        run(folder.path(), "--resume whole").code(1).stderr(contains(
            "it has 1099511627776 bytes, and no run's state has more than",
        ));
    }
    // Data that has changed would come in another order.
    std::fs::write(&path, &good).unwrap();
    crate::common::pictures(&folder.path().join("data"), "train", "red", [180, 30, 0], 9);
    run(folder.path(), "--resume whole")
        .code(1)
        .stderr(contains("17 training images"));
}
