//! A run that is stopped in any way goes on to the same result.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{history, read, two_colours, wait_for, words};
use predicates::str::contains;
use tempfile::TempDir;

/// Everything that has a state: momentum, moving average, mixing, erasing, a schedule, growing sizes, patience.
const SETTINGS: &str = "--data data --alpha 0.25 --size 64 --progressive 32 --epochs 4 --batch-size 4 --lr 0.02 --seed 7 \
     --mixup 0.2 --cutmix 1 --erasing 0.5 --trivial-augment --color-jitter 0.2 --ema 0.9 --clip-norm 1 --patience 9 \
     --threads 2 --no-publish";
/// Files that do not depend on the clock.
const FILES: [&str; 6] = [
    "last.safetensors",
    "best.safetensors",
    "curves.png",
    "confusion.png",
    "mistakes.png",
    "augmented.png",
];
const RESUME: &str = "--threads 2 --save-every 0";
/// Steps of the run: 4 epochs of 16 pictures, 4 in a batch.
const STEPS: u64 = 16;

fn data() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    two_colours(&folder.path().join("data"));
    folder
}

fn run(folder: &Path, arguments: &str) -> assert_cmd::assert::Assert {
    let mut command = common::train();
    command.current_dir(folder).args(words(arguments)).assert()
}

fn uninterrupted(folder: &Path, more: &str) -> PathBuf {
    run(folder, &format!("{SETTINGS} --out whole {more}")).success();
    folder.join("whole")
}

fn assert_same(whole: &Path, other: &Path) {
    for name in FILES {
        assert!(
            read(whole.join(name)) == read(other.join(name)),
            "`{name}` differs"
        );
    }
    assert_eq!(history(whole), history(other));
    let published = whole.with_file_name("models");
    assert!(!published.exists(), "`--no-publish` was forgotten");
    let left: Vec<_> = std::fs::read_dir(other)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

fn spawn(folder: &Path, arguments: &str) -> Child {
    start(&["--default-signal=INT,HUP"], folder, arguments)
}

/// Starts the program, on Linux with signals as `env` sets them: a shell's background jobs ignore SIGINT, and what they
/// start inherits it.
fn start(signals: &[&str], folder: &Path, arguments: &str) -> Child {
    let program = assert_cmd::cargo::cargo_bin!("mbn-train");
    let mut command = Command::new("env");
    command.args(signals).arg(program);
    if !cfg!(target_os = "linux") {
        command = Command::new(program);
    }
    command
        .current_dir(folder)
        .args(words(arguments))
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Numbers below `n` that look random (a linear congruential generator's high bits).
fn noise(n: u64) -> impl FnMut() -> u64 {
    let mut state = 0x1234_5678_u64;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    }
}

#[test]
fn killed_at_any_instant_a_run_ends_the_same() {
    const KILLS: u32 = 15;
    let folder = data();
    let start = std::time::Instant::now();
    let whole = uninterrupted(folder.path(), "--save-every 0");
    let length = start.elapsed();
    let mut delay = noise(1000);
    let mut kills = 0;
    for round in 0.. {
        let run = folder.path().join(format!("killed{round}"));
        loop {
            let mut child = match run.join("state.safetensors").exists() {
                true => spawn(folder.path(), &format!("--resume {} {RESUME}", run.display())),
                false => spawn(
                    folder.path(),
                    &format!("{SETTINGS} --save-every 0 --out {}", run.display()),
                ),
            };
            // From before the first file is written to a good part of the run.
            std::thread::sleep(length.mul_f64(0.4 * delay() as f64 / 1000.0));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            assert!(kills < 50 * KILLS, "the run makes no progress");
            consistent(&run);
        }
        assert_same(&whole, &run);
        if kills >= KILLS {
            break;
        }
    }
}

/// Every file can be read, and `history.csv` has no epoch that the state has not.
fn consistent(run: &Path) {
    let state = run.join("state.safetensors");
    if !state.exists() {
        return;
    }
    let bytes = read(&state);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let progress = &header.metadata().as_ref().unwrap()["progress"];
    let progress: serde_json::Value = serde_json::from_str(progress).unwrap();
    let epochs = progress["history"].as_array().unwrap().len();
    if run.join("history.csv").exists() {
        let rows = history(run).len() - 1;
        assert!(
            rows <= epochs && rows + 1 >= epochs,
            "{rows} rows, {epochs} epochs"
        );
    }
    for name in ["last.safetensors", "best.safetensors"] {
        if run.join(name).exists() {
            let weights = mbn_weights::Weights::load(&run.join(name)).unwrap();
            let training = weights.metadata().training.clone().unwrap();
            assert!(training.epochs <= epochs, "`{name}` is ahead of the state");
        }
    }
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Waits until the state says that at least `steps` steps are done.
fn wait_for_steps(run: &Path, steps: u64) {
    wait_for(&format!("step {steps}"), || {
        let Ok(bytes) = std::fs::read(run.join("state.safetensors")) else {
            return false;
        };
        let Ok((_, header)) = safetensors::SafeTensors::read_metadata(&bytes) else {
            return false;
        };
        let progress = &header.metadata().as_ref().unwrap()["progress"];
        let progress: serde_json::Value = serde_json::from_str(progress).unwrap();
        progress["steps"].as_u64().unwrap() >= steps
    });
}

#[cfg(unix)]
#[test]
fn interrupted_within_an_epoch_a_run_saves_and_ends_the_same() {
    let folder = data();
    let whole = uninterrupted(folder.path(), "");
    let run_folder = folder.path().join("stopped");
    let mut codes = Vec::new();
    for (i, name) in ["-INT", "-TERM", "-INT"].into_iter().enumerate() {
        let mut child = match i {
            0 => spawn(folder.path(), &format!("{SETTINGS} --out stopped --save-every 0")),
            _ => spawn(folder.path(), "--resume stopped --threads 2 --save-every 0"),
        };
        wait_for_steps(&run_folder, 2 + 5 * i as u64);
        signal(&child, name);
        codes.push(child.wait().unwrap().code());
        consistent(&run_folder);
    }
    // The last may have come too late.
    assert_eq!(codes[..2], [Some(130), Some(130)]);
    let resumed = run(folder.path(), "--resume stopped --threads 2");
    resumed.success().stderr(contains("Resuming `stopped` after "));
    assert_same(&whole, &run_folder);
}

/// As `nohup` starts it, a run outlives the terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    let folder = data();
    let settings = SETTINGS.replace("--epochs 4", "--epochs 400");
    let arguments = format!("{settings} --out stopped --save-every 0");
    let mut child = start(&["--ignore-signal=HUP"], folder.path(), &arguments);
    let run_folder = folder.path().join("stopped");
    wait_for_steps(&run_folder, 2);
    signal(&child, "-HUP");
    // An interrupted run ends with the step that it is at.
    wait_for_steps(&run_folder, 8);
    assert_eq!(child.try_wait().unwrap(), None);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Without `--save-every 0`, what a killed run loses is an epoch at most, and never its consistency.
#[cfg(unix)]
#[test]
fn an_interrupt_saves_what_no_timer_saved() {
    let folder = data();
    let whole = uninterrupted(folder.path(), "");
    let mut child = spawn(folder.path(), &format!("{SETTINGS} --out stopped"));
    // The state of step 0 is there; the interrupt comes in some later step or, at worst, before the first.
    wait_for_steps(&folder.path().join("stopped"), 0);
    std::thread::sleep(Duration::from_millis(60));
    signal(&child, "-INT");
    let code = child.wait().unwrap().code();
    assert!(code == Some(130) || code == Some(0), "{code:?}");
    run(folder.path(), "--resume stopped --threads 2").success();
    assert_same(&whole, &folder.path().join("stopped"));
}

/// The files of an epoch are written after the state: where they are older, or gone, resuming writes them.
#[test]
fn resuming_makes_the_files_what_the_state_says() {
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
        "of another architecture",
    );
    resume(&good[..good.len() / 2], "cannot resume from");
    resume(b"", "cannot resume from");
    let weights = read(whole.join("best.safetensors"));
    resume(&weights, "it holds no run");
    // Data that changed meanwhile would have another order.
    std::fs::write(&path, &good).unwrap();
    common::pictures(&folder.path().join("data"), "train", "red", [180, 30, 0], 9);
    run(folder.path(), "--resume whole")
        .code(1)
        .stderr(contains("17 training images"));
}

/// Two processes in one folder would overwrite each other's files.
#[cfg(unix)]
#[test]
fn a_run_at_work_is_left_alone() {
    let folder = data();
    let mut child = spawn(
        folder.path(),
        &format!("{} --out busy", SETTINGS.replace("--epochs 4", "--epochs 400")),
    );
    wait_for_steps(&folder.path().join("busy"), 0);
    run(folder.path(), "--resume busy")
        .code(1)
        .stderr(contains("another mbn-train is at work"));
    child.kill().unwrap();
    child.wait().unwrap();
}
