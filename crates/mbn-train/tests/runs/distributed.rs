//! Runs of two processes that `mpirun` starts.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::common::{LONG, assert_same, data, pictures, run, train, wait_for_steps, words};
use candle_core::Device;
use mbn_model::{Network, random_weights};
use mbn_spec::{Alpha, Architecture, TensorKind};
use mbn_testing::{Tolerance, assert_close, mpirun};
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;

/// The tests take turns: ranks that wait for each other keep their cores busy.
static TURN: Mutex<()> = Mutex::new(());

fn take_turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long all ranks may live on without one of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// `mpirun` with the program for two processes of one thread, which `arguments` are for; `None` where there is no MPI.
fn two_ranks(folder: &Path, arguments: &str) -> Option<Command> {
    ranks(2, folder, arguments)
}

fn ranks(count: usize, folder: &Path, arguments: &str) -> Option<Command> {
    let mut command = mpirun(count)?;
    command
        .current_dir(folder)
        .arg(assert_cmd::cargo::cargo_bin!("mbn-train"))
        .args(["--distributed", "mpi", "--threads", "1"])
        .args(words(&arguments.replace("--threads 2", "")))
        .env("NO_COLOR", "1");
    Some(command)
}

fn successful(mut command: Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    stderr
}

/// Training loss and accuracy of the last epoch.
fn last_epoch(run: &Path) -> [f64; 2] {
    let rows = crate::common::history(run);
    let columns: Vec<&str> = rows.last().unwrap().split(',').collect();
    [columns[1], columns[2]].map(|column| column.parse().unwrap())
}

/// Batch norm sees half the batch, so two ranks learn a little differently, but as well.
#[test]
fn two_ranks_learn_what_one_process_learns() {
    let _turn = take_turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (split, count) in [("train", 24), ("val", 5)] {
        pictures(&path.join("data"), split, "blue", [0, 30, 180], count);
        pictures(&path.join("data"), split, "red", [180, 30, 0], count);
    }
    let settings =
        "--data data --alpha 0.25 --size 32 --batch-size 16 --epochs 6 --lr 0.01 --recipe plain --no-publish";
    let Some(ranks) = two_ranks(path, &format!("{settings} --out two")) else {
        return;
    };
    let stderr = successful(ranks);
    for once in [
        "Training on 2 ranks on 1 machine",
        "The ranks add up gradients by MPI, in the memory of the CPU",
        "Writing to `two`",
        "epoch   6/6",
        "Best test accuracy",
    ] {
        assert_eq!(stderr.matches(once).count(), 1, "{once}: {stderr}");
    }
    run(path, &format!("{settings} --threads 1 --out one")).success();
    for out in ["one", "two"] {
        let [loss, accuracy] = last_epoch(&path.join(out));
        assert!(loss < 0.4 && accuracy > 85.0, "{out}: {loss} {accuracy} %");
    }
    let files = |out: &str| {
        let entries = std::fs::read_dir(path.join(out)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(files("one"), files("two"));
    let augmented = |out: &str| crate::common::read(path.join(out).join("augmented.png"));
    assert!(
        augmented("one") == augmented("two"),
        "the picture shows the whole batch"
    );
}

/// Random weights with shifts that keep most activations away from the kink of ReLU: one that rounding takes across would move the
/// gradients of all layers before it.
fn shifted_weights(path: &Path) -> Weights {
    let weights = random_weights(Architecture::new(Alpha::Quarter, 2), 4, &Device::Cpu).unwrap();
    let network = Network::from_weights(&weights, &Device::Cpu).unwrap();
    let is_shift = |name: &str| name.starts_with("model.") && name.ends_with(".bias");
    for shift in network.parameters().filter(|parameter| is_shift(&parameter.name)) {
        shift.var.set(&(shift.tensor() + 3.0).unwrap()).unwrap();
    }
    let weights = network.to_weights(weights.metadata().clone()).unwrap();
    weights.save(path).unwrap();
    weights
}

/// What the weights of one process and of several ranks may be apart.
const APART: Tolerance = Tolerance {
    absolute: 0.0,
    relative_to_max: 1e-4,
};

/// With the statistics of all ranks' images, two and three ranks take the steps of one process: 20 with batches of five images, which
/// make parts of different sizes, and 30 with batches of four. The images of the two classes have different weights.
#[test]
fn ranks_with_synchronised_batch_norm_train_as_one_process() {
    let _turn = take_turn();
    let folder = data();
    let path = folder.path();
    for image in 0..2 {
        std::fs::remove_file(path.join(format!("data/train/red/{image}.png"))).unwrap();
    }
    let start = shifted_weights(&path.join("start.safetensors"));
    for (batch, counts) in [(4, &[2][..]), (5, &[2, 3])] {
        let settings = format!(
            "--data data --init start.safetensors --recipe plain --size 48 --batch-size {batch} --epochs 10 --lr 0.001 \
             --class-weights balanced --flip 0.5 --sync-batch-norm --no-publish"
        );
        let last = |out: &str| Weights::load(&path.join(out).join("last.safetensors")).unwrap();
        let out = format!("one-{batch}");
        run(path, &format!("{settings} --threads 1 --out {out}"))
            .success()
            .stderr(contains("`--sync-batch-norm` has no effect"));
        let one = last(&out);
        for name in ["model.0.0.weight", "model.7.3.weight", "fc.weight"] {
            let pairs = start.values(name).iter().zip(one.values(name));
            let moved = pairs.fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
            assert!(moved > 1e-3, "{name} hardly moved: {moved}");
        }
        for count in counts {
            let out = format!("ranks-{batch}-{count}");
            let Some(command) = ranks(*count, path, &format!("{settings} --out {out}")) else {
                return;
            };
            let stderr = successful(command);
            let line = format!("Batch norm uses the statistics of the images of all {count} ranks");
            assert_eq!(stderr.matches(&line).count(), 1, "{stderr}");
            let several = last(&out);
            let tensors = one.architecture().tensors().into_iter();
            for spec in tensors.filter(|spec| spec.kind != TensorKind::Counter) {
                let name = format!("{} of {count} ranks, batches of {batch}", spec.name);
                assert_close(&name, several.values(&spec.name), one.values(&spec.name), APART);
            }
        }
    }
}

/// The processes of the program that work in `folder`. Some launchers start them through a helper.
fn ranks_in(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ranks = processes.filter(|process| {
        let is_there = std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder);
        let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        is_there && name.trim() == "mbn-train"
    });
    let mut ranks: Vec<_> = ranks
        .filter_map(|process| process.file_name().into_string().ok())
        .collect();
    ranks.sort();
    ranks
}

fn signal(name: &str, process: &str) {
    let status = Command::new("kill").args([name, process]).status();
    assert!(status.unwrap().success());
}

/// Starts two ranks, and sends a signal to the second when the run has saved so many steps.
fn stopped(folder: &Path, arguments: &str, out: &str, steps: u64, name: &str) -> Option<Output> {
    let mut command = two_ranks(folder, arguments)?;
    let launcher = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_steps(&folder.join(out), steps);
    let rank = ranks_in(folder).pop().unwrap();
    let start = Instant::now();
    signal(name, &rank);
    let output = launcher.wait_with_output().unwrap();
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert!(!output.status.success());
    Some(output)
}

/// A [`LONG`] run whose first images are large enough for two ranks: batch norm of each sees two.
fn long() -> String {
    LONG.replace("--progressive 32", "--progressive 48")
}

/// The folder of a [`long`] run of two ranks that nobody stopped.
fn whole(folder: &Path) -> Option<PathBuf> {
    successful(two_ranks(folder, &format!("{} --out whole", long()))?);
    Some(folder.join("whole"))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn a_killed_rank_ends_all_and_the_run_resumes() {
    let _turn = take_turn();
    let folder = data();
    let path = folder.path();
    let arguments = format!("{} --out killed --save-every 0", long());
    if stopped(path, &arguments, "killed", 3, "-KILL").is_none() {
        return;
    }
    copy(&path.join("killed"), &path.join("alone"));
    successful(two_ranks(path, "--resume killed").unwrap());
    assert_same(&whole(path).unwrap(), &path.join("killed"));
    run(path, "--resume alone --threads 1")
        .success()
        .stderr(contains("started with 2 ranks and continues with 1").and(contains("Best test accuracy")));
}

#[test]
fn an_interrupt_of_one_rank_stops_all_and_saves() {
    let _turn = take_turn();
    let folder = data();
    let arguments = format!("{} --out stopped --save-every 10", long()).replace("--epochs 4", "--epochs 400");
    let Some(output) = stopped(folder.path(), &arguments, "stopped", 0, "-INT") else {
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        stderr.matches("warning: interrupted; saved after ").count(),
        1,
        "{stderr}"
    );
    assert!(
        stderr.contains("continue with `mbn-train --resume stopped`"),
        "{stderr}"
    );
}

/// The other rank waits in the sums of batch norm.
#[test]
fn an_image_that_one_rank_cannot_read_ends_a_synchronised_run_that_resumes() {
    let _turn = take_turn();
    let folder = data();
    let path = folder.path();
    crate::common::spoil(&path.join("data/train/red/5.png"));
    let arguments = "--data data --alpha 0.25 --size 32 --batch-size 5 --epochs 2 --sync-batch-norm --no-publish --out run";
    let Some(mut command) = two_ranks(path, arguments) else {
        return;
    };
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
    assert!(
        stderr.contains("5.png") && stderr.contains("--resume run"),
        "{stderr}"
    );
    let resumed = two_ranks(path, "--resume run --bad-images skip").unwrap();
    assert!(successful(resumed).contains("Best test accuracy"));
    let settings = std::fs::read_to_string(path.join("run/settings.toml")).unwrap();
    assert!(settings.contains("sync-batch-norm = true"), "{settings}");
}

#[test]
fn an_error_of_a_rank_is_told_once() {
    let _turn = take_turn();
    let folder = data();
    let path = folder.path();
    let Some(mut command) = two_ranks(path, "--data nowhere --out run") else {
        return;
    };
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
    assert!(stderr.contains("nowhere"), "{stderr}");
}

/// Processes of one launcher that do not train together may be meant to be runs of their own. What a batch script of several
/// tasks starts without a launcher is one process.
#[test]
fn processes_of_a_launcher_that_train_alone_are_warned() {
    let folder = data();
    let warned = |variable: &str, processes: &str| {
        let mut command = train();
        for launcher in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"] {
            command.env_remove(launcher);
        }
        command
            .current_dir(folder.path())
            .env(variable, processes)
            .args(words(
                "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1 --no-publish",
            ))
            .args(["--out", &format!("{variable}{processes}")]);
        let assert = command.assert().success();
        let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        let expected = format!(
            "warning: the launcher started {processes} processes ({variable}), and each trains a run of its own"
        );
        assert_eq!(
            message.contains("--distributed mpi"),
            message.contains(&expected),
            "{message}"
        );
        message.contains(&expected)
    };
    for (variable, processes, expected) in [
        ("OMPI_COMM_WORLD_SIZE", "2", true),
        ("PMI_SIZE", "3", true),
        ("SLURM_STEP_NUM_TASKS", "4", true),
        ("SLURM_STEP_NUM_TASKS", "1", false),
        ("SLURM_NTASKS", "4", false),
        ("PMI_SIZE", "many", false),
    ] {
        assert_eq!(warned(variable, processes), expected, "{variable}={processes}");
    }
}

/// The library is there, but the processes were not started by its launcher.
#[test]
fn processes_that_do_not_find_each_other_are_refused() {
    let folder = data();
    if mpirun(2).is_none() {
        return;
    }
    train()
        .current_dir(folder.path())
        .args(words("--distributed mpi --data data --out run"))
        .env("PMI_SIZE", "2")
        .assert()
        .code(1)
        .stderr(
            contains("the launcher started 2 processes (PMI_SIZE), but ")
                .and(contains("hint: start the processes with")),
        );
    assert!(!folder.path().join("run").exists());
}

#[test]
fn a_library_must_be_one_of_mpi() {
    let folder = data();
    let path = folder.path();
    std::fs::write(path.join("libmpi.so"), "INPUT(libmpi.so.12)").unwrap();
    for (library, part) in [("nowhere.so", "nowhere.so"), ("./libmpi.so", "libmpi.so")] {
        run(
            path,
            &format!("--distributed mpi --mpi-lib {library} --data data"),
        )
        .code(1)
        .stderr(contains(format!("{part}` cannot be loaded")).and(contains("`--mpi-lib FILE` names")));
    }
    run(path, "--mpi-lib libmpi.so.40 --data data")
        .code(2)
        .stderr(contains("--distributed"));
    run(path, "--distributed mpi --profile").code(2);
}
