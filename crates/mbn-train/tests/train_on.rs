//! What `--resume` says about a run that is finished or gets other settings, and files of a run in place of its folder or its
//! weights. The commands in the messages are run.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{data, history, read, run, train};
use predicates::prelude::*;
use predicates::str::contains;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1 --no-publish";

/// The command in backquotes that begins with `start`, as words after the program's name.
fn command(stderr: &[u8], start: &str) -> Vec<String> {
    let text = String::from_utf8(stderr.to_vec()).unwrap();
    let command = text.split('`').find(|part| part.starts_with(start));
    let command = command.unwrap_or_else(|| panic!("no command `{start}`: {text}"));
    shlex::split(command).unwrap().split_off(1)
}

#[test]
fn a_finished_run_says_how_to_train_on() {
    let folder = data();
    let path = folder.path();
    let args = common::words(SMALL);
    let mut first = train();
    first.current_dir(path).args(&args).args(["--out", "my run"]);
    first.assert().success();

    // With other settings: the command in the hint takes them.
    let mut refused = train();
    refused
        .current_dir(path)
        .args(["--resume", "my run", "--epochs", "2", "--lr", "0.01"]);
    let assert = refused.assert().code(2).stderr(contains(
        "`--epochs` and `--lr` do not go with `--resume`, which continues the run with its saved settings",
    ));
    let words = command(&assert.get_output().stderr, "mbn-train --config");
    assert_eq!(words[..2], ["--config", "my run/settings.toml"]);
    let mut on = train();
    on.current_dir(path)
        .args(&words)
        .args(["--no-publish", "--out", "on"])
        .assert()
        .success();
    assert_eq!(history(&path.join("on")).len(), 1 + 2);

    // As it is: it changes nothing and says so.
    let before = read(path.join("my run/last.safetensors"));
    let mut resumed = train();
    resumed.current_dir(path).args(["--resume", "my run"]);
    let assert = resumed.assert().success().stderr(contains("The run is finished"));
    let words = command(&assert.get_output().stderr, "mbn-train --config");
    let words = words
        .iter()
        .map(|word| if word == "N" { "1" } else { word.as_str() });
    let mut on = train();
    on.current_dir(path)
        .args(words)
        .args(["--no-publish", "--out", "again"])
        .assert()
        .success();
    assert!(read(path.join("my run/last.safetensors")) == before);
}

#[test]
fn the_state_of_a_run_stands_for_its_folder_and_not_for_weights() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --out run")).success();
    run(path, "--resume run/state.safetensors")
        .success()
        .stderr(contains("`run/state.safetensors` is a file of the run in `run`"));
    run(&path.join("run"), "--resume state.safetensors --data ../data").success();
    run(path, &format!("{SMALL} --init run/state.safetensors --out other"))
        .code(1)
        .stderr(
            contains("it is the saved state of a training run, expected weights").and(contains(
                "hint: the weights of that run are in `run/best.safetensors` and `run/last.safetensors`",
            )),
        );
    run(path, &format!("{SMALL} --init run/best.safetensors --out other")).success();
}

/// At most four threads more than asked for: the main one, two that decode, and one to spare.
#[cfg(target_os = "linux")]
#[test]
fn training_starts_few_threads_more_than_asked_for() {
    let folder = data();
    for threads in [1, 12] {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"))
            .args(common::words(SMALL))
            .args([
                "--threads",
                &threads.to_string(),
                "--out",
                &format!("run{threads}"),
            ])
            .current_dir(folder.path())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let most = mbn_testing::most_threads(&mut child);
        assert!(child.wait().unwrap().success());
        assert!(
            (threads..=threads + 4).contains(&most),
            "{most} threads, {threads} asked for"
        );
    }
}
