//! What `--resume` says about a run that is finished or gets other settings, and files of a run in place of its folder or its
//! weights. The commands in the messages are run.

use crate::common::{data, history, read, run, train};
use mbn_model::fresh_weights;
use mbn_spec::{Alpha, Architecture, Metadata};
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

/// The command that trains on for N epochs, for one.
fn one_epoch_more(stderr: &[u8]) -> Vec<String> {
    let words = command(stderr, "mbn-train --config").into_iter();
    words
        .map(|word| if word == "N" { "1".to_owned() } else { word })
        .collect()
}

#[test]
fn a_finished_run_says_how_to_train_on() {
    let folder = data();
    let path = folder.path();
    let args = crate::common::words(SMALL);
    let mut first = train();
    first.current_dir(path).args(&args).args(["--out", "my run"]);
    first.assert().success();

    // With other settings: the command in the hint takes them.
    let mut refused = train();
    crate::common::two_colours(&path.join("other data"));
    refused
        .current_dir(path)
        .args(["--resume", "my run", "--epochs", "2", "--lr", "0.01"])
        .args(["--data", "other data"]);
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
    let settings = String::from_utf8(read(path.join("on/settings.toml"))).unwrap();
    assert!(settings.contains("data = \"other data\"\n"), "{settings}");

    // As it is: it changes nothing and says so.
    let before = read(path.join("my run/last.safetensors"));
    let mut resumed = train();
    resumed.current_dir(path).args(["--resume", "my run"]);
    let assert = resumed.assert().success().stderr(contains("The run is finished"));
    let words = one_epoch_more(&assert.get_output().stderr);
    let mut on = train();
    on.current_dir(path)
        .args(words)
        .args(["--no-publish", "--out", "again"])
        .assert()
        .success();
    assert!(read(path.join("my run/last.safetensors")) == before);
}

/// Whatever a run was started with, the command starts another from its weights, with its classifier and its settings.
#[test]
fn every_run_can_be_trained_on() {
    let folder = data();
    let path = folder.path();
    crate::common::pictures(&path.join("undivided"), "", "blue", [0, 30, 180], 8);
    crate::common::pictures(&path.join("undivided"), "", "red", [180, 30, 0], 8);
    for (name, classes) in [("two", 2), ("three", 3)] {
        let names: String = (0..classes).map(|class| format!("{name}{class}\n")).collect();
        std::fs::write(path.join(format!("{name}.txt")), names).unwrap();
        let architecture = Architecture::new(Alpha::Quarter, classes);
        let weights = fresh_weights(architecture, 3, Metadata::default()).unwrap();
        weights.save(&path.join(format!("{name}.safetensors"))).unwrap();
    }
    for (number, options) in [
        "--init two.safetensors --init-classes two.txt",
        "--init three.safetensors --init-classes three.txt --freeze 3",
        "--data undivided --val-fraction 0.3 --class-weights balanced --optimizer adamw --train-size 64 --progressive 32 \
         --rand-augment 2,9 --warmup 1",
        "--resize crop --shorter 40 --interpolation bicubic --mean 0.5,0.5,0.5 --std 0.2,0.2,0.2 --activation relu6 \
         --epsilon 0.001 --padding same --no-flip --no-crop --teacher two.safetensors --distill-weight 0.5",
    ]
    .into_iter()
    .enumerate()
    {
        let (first, next) = (format!("first {number}"), format!("next {number}"));
        let mut started = train();
        let small = SMALL
            .split(' ')
            .skip(if options.contains("--data") { 2 } else { 0 });
        started.current_dir(path).args(small).args(crate::common::words(options));
        started.args(["--out", &first]).assert().success();

        let mut resumed = train();
        let assert = resumed.current_dir(path).args(["--resume", &first]).assert();
        let words = one_epoch_more(&assert.success().get_output().stderr);
        let mut on = train();
        on.current_dir(path)
            .args(words)
            .args(["--no-publish", "--out", &next]);
        on.assert().success().stderr(contains("new classifier").not());

        let settings = |run: &str| -> toml::Table {
            let text = String::from_utf8(read(path.join(run).join("settings.toml"))).unwrap();
            let mut settings: toml::Table = text.parse().unwrap();
            settings.remove("init");
            settings.remove("init-classes");
            settings
        };
        assert_eq!(settings(&first), settings(&next), "{options}");
    }
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
        let mut runs = 0;
        mbn_testing::expect_threads(threads, "training", || {
            runs += 1;
            let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("mbn-train"))
                .args(crate::common::words(SMALL))
                .args([
                    "--threads",
                    &threads.to_string(),
                    "--out",
                    &format!("run{threads}-{runs}"),
                ])
                .current_dir(folder.path())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let most = mbn_testing::most_threads(&mut child);
            assert!(child.wait().unwrap().success());
            most
        });
    }
}
