//! A run that is killed or interrupted resumes to the same result.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{LONG, assert_same, data, history, read, run, uninterrupted, wait_for_steps, words};
use predicates::str::contains;

const RESUME: &str = "--threads 2 --save-every 0";

fn spawn(folder: &Path, arguments: &str) -> Child {
    start(&["--default-signal=INT,HUP"], folder, arguments, Stdio::null())
}

/// Starts the program. On Linux, `env` sets the signals: background jobs of a shell ignore SIGINT, and children inherit
/// that.
fn start(signals: &[&str], folder: &Path, arguments: &str, stderr: Stdio) -> Child {
    let program = assert_cmd::cargo::cargo_bin!("mbn-train");
    let mut command = Command::new("env");
    command.args(signals).arg(program);
    if !cfg!(target_os = "linux") {
        command = Command::new(program);
    }
    command
        .current_dir(folder)
        .args(words(arguments))
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// Pseudo-random numbers below `n`: the high bits of a linear congruential generator.
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
                    &format!("{LONG} --save-every 0 --out {}", run.display()),
                ),
            };
            // Between the start of the process and a good part of the run.
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

/// Every file can be read, and `history.csv` has no epoch that the state lacks.
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

#[cfg(unix)]
#[test]
fn interrupted_within_an_epoch_a_run_saves_and_ends_the_same() {
    let folder = data();
    let whole = uninterrupted(folder.path(), "");
    let run_folder = folder.path().join("stopped");
    let mut codes = Vec::new();
    for (i, name) in ["-INT", "-TERM", "-INT"].into_iter().enumerate() {
        let mut child = match i {
            0 => spawn(folder.path(), &format!("{LONG} --out stopped --save-every 0")),
            _ => spawn(folder.path(), "--resume stopped --threads 2 --save-every 0"),
        };
        wait_for_steps(&run_folder, 2 + 5 * i as u64);
        signal(&child, name);
        codes.push(child.wait().unwrap().code());
        consistent(&run_folder);
    }
    // The last signal may come too late.
    assert_eq!(codes[..2], [Some(130), Some(130)]);
    let resumed = run(folder.path(), "--resume stopped --threads 2");
    resumed.success().stderr(contains("Resuming `stopped` after "));
    assert_same(&whole, &run_folder);
}

/// A run that `nohup` starts outlives the terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    let folder = data();
    let settings = LONG.replace("--epochs 4", "--epochs 400");
    let arguments = format!("{settings} --out stopped --save-every 0");
    let mut child = start(&["--ignore-signal=HUP"], folder.path(), &arguments, Stdio::null());
    let run_folder = folder.path().join("stopped");
    wait_for_steps(&run_folder, 2);
    signal(&child, "-HUP");
    // An interrupted run would stop after the current step.
    wait_for_steps(&run_folder, 8);
    assert_eq!(child.try_wait().unwrap(), None);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Without `--save-every 0`, an interrupt saves the position within the epoch.
#[cfg(unix)]
#[test]
fn an_interrupt_saves_what_no_timer_saved() {
    let folder = data();
    let whole = uninterrupted(folder.path(), "");
    let mut child = spawn(folder.path(), &format!("{LONG} --out stopped"));
    // The state of step 0 is saved; the interrupt comes in a later step or, at worst, before the first.
    wait_for_steps(&folder.path().join("stopped"), 0);
    std::thread::sleep(Duration::from_millis(60));
    signal(&child, "-INT");
    let code = child.wait().unwrap().code();
    assert!(code == Some(130) || code == Some(0), "{code:?}");
    run(folder.path(), "--resume stopped --threads 2").success();
    assert_same(&whole, &folder.path().join("stopped"));
}

/// As Slurm does, and `mpirun` beside a batch system. The run has no time to save between them.
#[cfg(unix)]
#[test]
fn more_than_one_sigterm_does_not_keep_a_run_from_saving() {
    let folder = data();
    let settings = LONG.replace("--epochs 4", "--epochs 400");
    let arguments = format!("{settings} --out stopped");
    let mut child = start(
        &["--default-signal=INT,HUP"],
        folder.path(),
        &arguments,
        Stdio::piped(),
    );
    wait_for_steps(&folder.path().join("stopped"), 0);
    for name in ["-TERM", "-TERM", "-HUP"] {
        signal(&child, name);
        // So that they do not become one.
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(
        said.contains("continue with `mbn-train --resume stopped`"),
        "{said}"
    );
}

/// Two processes in one folder would overwrite each other's files.
#[cfg(unix)]
#[test]
fn a_run_at_work_is_left_alone() {
    let folder = data();
    let mut child = spawn(
        folder.path(),
        &format!("{} --out busy", LONG.replace("--epochs 4", "--epochs 400")),
    );
    wait_for_steps(&folder.path().join("busy"), 0);
    run(folder.path(), "--resume busy")
        .code(1)
        .stderr(contains("another mbn-train is using `busy`"));
    child.kill().unwrap();
    child.wait().unwrap();
}
