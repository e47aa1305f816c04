//! Runs of earlier versions, which took settings that are refused today.

use std::path::Path;

use crate::common::{LONG, data, read, run, stop_after, words};
use crate::teachers::teacher;
use predicates::prelude::*;
use predicates::str::contains;

/// Puts another value of a setting into the state of a run and into its settings.
fn put(run: &Path, key: &str, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let replace = |file: &str, from: &str, to: &str| {
        let path = run.join(file);
        let mut bytes = read(&path);
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("no `{from}` in `{file}`"));
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(path, bytes).unwrap();
    };
    let in_state = |value: &str| format!("\\\"{key}\\\":{value}");
    replace("state.safetensors", &in_state(from), &in_state(to));
    let in_file = |value: &str| format!("{key} = {value}");
    replace("settings.toml", &in_file(from), &in_file(to));
}

#[test]
fn a_temperature_out_of_todays_range_goes_on() {
    let folder = data();
    let path = folder.path();
    teacher(&["blue", "red"], 1)
        .save(&path.join("t.safetensors"))
        .unwrap();
    let line = format!("{LONG} --teacher t.safetensors --temperature 0.25 --out old");
    stop_after(path, &line, "old", 1);
    put(&path.join("old"), "temperature", "0.25", "1e-3");
    run(path, "--resume old --threads 2").success();
    let saved = String::from_utf8(read(path.join("old/settings.toml"))).unwrap();
    assert!(saved.contains("temperature = 0.001\n"), "{saved}");
    // New runs do not take it, and the advice gives one that they take.
    run(path, "--resume old --threads 2")
        .success()
        .stderr(contains("--epochs N --temperature 0.01`"));
    run(path, "--config old/settings.toml --epochs 1 --out new").code(1).stderr(
        contains("configuration `old/settings.toml` cannot be used: `temperature`: 0.001 is not a number from 0.01 to 1000")
            .and(contains("override it with `--temperature T`")),
    );
    let again = "--config old/settings.toml --epochs 1 --warmup 0 --progressive 0 --no-publish --threads 2";
    run(path, &format!("{again} --temperature 0.01 --out new")).success();
    run(path, &format!("{again} --no-teacher --out alone")).success();
}

/// Two values per channel: too few for a new run.
#[test]
fn few_values_for_batch_norm_are_a_warning() {
    let folder = data();
    let path = folder.path();
    stop_after(path, &format!("{LONG} --out old"), "old", 1);
    put(&path.join("old"), "batch-size", "4", "2");
    let assert = run(path, "--resume old --threads 2").success().stderr(
        contains(
            "warning: a batch of 2 images of 32 x 32 pixels leaves 2 values per channel in the last block",
        )
        .and(
            contains(
                "The run goes on so; to train with larger batches, start another run: `mbn-train --config",
            )
            .or(contains(
                "The run goes on so; to train on from its best weights with larger batches",
            )),
        ),
    );
    // The command of the warning works.
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let command = text
        .split('`')
        .find(|part| part.contains("--batch-size N"))
        .unwrap();
    let command = command.strip_prefix("mbn-train ").unwrap().replace(" N", " 3");
    let line = words(&command).join(" ");
    run(
        path,
        &format!("{line} --epochs 1 --warmup 0 --progressive 0 --threads 2 --out new"),
    )
    .success();
    // A finished run trains no more.
    run(path, "--resume old --threads 2")
        .success()
        .stderr(contains("values per channel").not());
}
