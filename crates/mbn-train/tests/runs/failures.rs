//! Full and vanishing disks, losses that explode, runs that stop early.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::{data, history, read, run, wait_for, words};
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --no-publish";

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn state_is_whole(run: &Path) {
    let bytes = read(run.join("state.safetensors"));
    safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let left = std::fs::read_dir(run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(
        left.filter(|name| mbn_files::atomic::is_temporary(name)).count(),
        0
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_to_is_refused_before_the_first_step() {
    let folder = data();
    let assert = run(folder.path(), &format!("{SMALL} --out /proc/mbn-run"));
    assert
        .code(1)
        .stderr(contains("cannot create run folder `/proc/mbn-run`").and(contains("epoch").not()));
}

/// `ulimit` limits files to a megabyte. Ignoring the signal for longer files makes writing fail.
#[cfg(unix)]
#[test]
fn too_little_room_is_found_before_the_first_step() {
    let folder = data();
    let program = assert_cmd::cargo::cargo_bin!("mbn-train");
    let script = format!(
        "trap '' XFSZ; ulimit -f 2048; exec {} {SMALL} --out run",
        program.display()
    );
    let output = Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", &script])
        .output();
    let output = output.unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("cannot write to run folder `run` a file of 5 MiB") && message.contains("hint:"),
        "{message}"
    );
    assert!(!message.contains("epoch"), "{message}");
    assert!(!folder.path().join("run").exists());
}

/// Without a handler, the signal of a file that is too large ends the program without a word.
#[cfg(unix)]
#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_only_that_of_each_file_counts() {
    let folder = data();
    let program = assert_cmd::cargo::cargo_bin!("mbn-train");
    let limited = |kibibytes: u32, out: &str| {
        let script = format!("ulimit -f {kibibytes}; exec \"$0\" {SMALL} --epochs 1 --out {out}");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).arg(program);
        shell.current_dir(folder.path()).output().unwrap()
    };
    let output = limited(1024, "small");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("a file of 5 MiB that the run needs: File too large") && message.contains("hint:"),
        "{message}"
    );
    // More than the state, less than all files together.
    let output = limited(6 * 1024, "large");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
}

/// A small file system of its own, if the test may mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Skips the calling test and returns `None` elsewhere.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        mbn_testing::skip(mbn_testing::Needs::Other, "no file system can be mounted here");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

/// There is room for each file of the run, but not for all of them.
#[cfg(unix)]
#[test]
fn all_files_of_a_run_must_fit_together() {
    let Some(disk) = SmallDisk::new("8m") else {
        return;
    };
    let out = disk.path().join("run");
    let line = format!("{SMALL} --epochs 1 --out {}", out.display());
    run(data().path(), &line)
        .code(1)
        .stderr(contains("the 11 MiB that the run needs: No space left").and(contains("epoch").not()));
    assert!(!out.exists());
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_the_last_state() {
    let Some(disk) = SmallDisk::new("24m") else {
        return;
    };
    let folder = data();
    let out = disk.path().join("run");
    let arguments = format!("{SMALL} --epochs 1000 --save-every 0 --out {}", out.display());
    let child = Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"))
        .current_dir(folder.path())
        .args(words(&arguments))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("an epoch", || out.join("history.csv").exists());
    let ballast = disk.path().join("ballast");
    let _full = std::io::copy(
        &mut std::io::repeat(7),
        &mut std::fs::File::create(&ballast).unwrap(),
    )
    .unwrap_err();
    let output = child.wait_with_output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot write `"), "{message}");
    assert!(
        message.contains("hint: the last saved state is intact"),
        "{message}"
    );
    state_is_whole(&out);

    std::fs::remove_file(&ballast).unwrap();
    let rows = history(&out).len();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"))
        .current_dir(folder.path())
        .args(["--resume".as_ref(), out.as_os_str()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("more epochs", || history(&out).len() > rows + 1);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The flags that start a shell in its own mount namespace: as root, or as the root of a user namespace.
#[cfg(target_os = "linux")]
fn unshare() -> Option<&'static str> {
    let works = |flags: &&str| {
        let script = "mount -t tmpfs -o ro tmpfs .";
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("unshare")
            .args([flags, "sh", "-c", script])
            .current_dir(folder.path())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    let flags = ["-m", "-rm"].into_iter().find(works);
    if flags.is_none() {
        mbn_testing::skip(
            mbn_testing::Needs::Other,
            "`unshare` may not mount a file system here",
        );
    }
    flags
}

/// Permissions do not stop root, but a read-only file system does.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_disk_is_refused_before_the_first_step() {
    let Some(flags) = unshare() else {
        return;
    };
    let folder = data();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    run(folder.path(), &format!("{SMALL} --epochs 1 --out run")).success();
    let before = read(folder.path().join("run/state.safetensors"));
    let read_only = "mount --bind $PLACE $PLACE && mount -o remount,bind,ro $PLACE && exec \"$@\"";
    for (place, arguments, expected) in [
        (
            "empty",
            format!("{SMALL} --out empty"),
            "MiB that the run needs: Read-only file system",
        ),
        (
            "empty",
            format!("{SMALL} --out empty/run"),
            "cannot create run folder `empty/run`: Read-only file system",
        ),
        ("run", "--resume run".to_owned(), "run folder `run`"),
    ] {
        let output = Command::new("unshare")
            .args([flags, "sh", "-c", read_only, "sh"])
            .arg(assert_cmd::cargo::cargo_bin!("mbn-train"))
            .args(words(&arguments))
            .env("PLACE", place)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.contains(expected) && message.contains("Read-only"),
            "{message}"
        );
        assert!(
            message.contains("hint:") && !message.contains("epoch  "),
            "{message}"
        );
    }
    assert_eq!(read(folder.path().join("run/state.safetensors")), before);
}

#[test]
fn a_folder_that_disappears_is_an_error() {
    let folder = data();
    let out = folder.path().join("run");
    let child = Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"))
        .current_dir(folder.path())
        .args(words(&format!("{SMALL} --epochs 1000 --out run")))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The last file of an epoch: while one is written, its temporary file would be moved too.
    wait_for("an epoch", || out.join("mistakes.png").exists());
    let moved = folder.path().join("moved");
    std::fs::rename(&out, &moved).unwrap();
    let output = child.wait_with_output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot write `run/"), "{message}");
    state_is_whole(&moved);
}

#[test]
fn a_loss_that_explodes_names_step_rate_and_checkpoint() {
    let folder = data();
    let assert = run(
        folder.path(),
        &format!("{SMALL} --warmup 0 --lr 1e30 --epochs 3 --out run"),
    );
    let assert = assert.code(1).stderr(
        contains("of 2 (step")
            .and(contains("e29; ").or(contains("e30; ")))
            .and(contains(
                "the last good checkpoint is `run/state.safetensors`, before its first step",
            ))
            .and(contains("hint:")),
    );
    drop(assert);
    state_is_whole(&folder.path().join("run"));

    // No checkpoint may hold what exploded, even if each step is saved.
    let assert = run(
        folder.path(),
        &format!("{SMALL} --warmup 0 --lr 1e38 --epochs 3 --save-every 0 --out other"),
    );
    assert
        .code(1)
        .stderr(contains("the last good checkpoint is `other/state.safetensors`"));
    let bytes = read(folder.path().join("other/state.safetensors"));
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let weights = mbn_weights::Weights::from_bytes(tensors.tensor("weights").unwrap().data()).unwrap();
    for spec in weights.architecture().tensors() {
        assert!(
            weights.values(&spec.name).iter().all(|value| value.is_finite()),
            "{}",
            spec.name
        );
    }
}

#[test]
fn patience_ends_a_run_that_learns_nothing() {
    let folder = data();
    let arguments = format!("{SMALL} --epochs 40 --lr 1e-9 --ema 0 --patience 2 --out run");
    run(folder.path(), &arguments)
        .success()
        .stderr(contains("no better test accuracy in 2 epochs"));
    let rows = history(&folder.path().join("run"));
    let accuracy = |row: &String| row.split(',').nth(4).unwrap().parse::<f64>().unwrap();
    let accuracies: Vec<f64> = rows[1..].iter().map(accuracy).collect();
    let best = accuracies.iter().cloned().fold(f64::MIN, f64::max);
    let at = accuracies.iter().position(|&value| value == best).unwrap();
    assert_eq!(accuracies.len(), at + 3, "{accuracies:?}");
    // Resuming changes nothing.
    let before = history(&folder.path().join("run"));
    run(folder.path(), "--resume run --no-publish").success();
    assert_eq!(history(&folder.path().join("run")), before);
}
