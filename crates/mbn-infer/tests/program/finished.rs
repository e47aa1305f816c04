//! An output that is finished, and `--resume`: it counts only if it is what this run would write.

use std::time::Duration;

use tempfile::TempDir;

use crate::common::{self, Run, folder, picture, program};
use crate::resume::start_waiting;

/// Two pictures, and a network that takes little time.
fn pictures() -> TempDir {
    let folder = folder();
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    for name in ["photos/1.png", "photos/2.png"] {
        picture(&folder, name);
    }
    common::small_weights()
        .save(&folder.path().join("small.safetensors"))
        .unwrap();
    folder
}

/// Runs with `--resume`.
fn resumed(folder: &TempDir, arguments: &[&str]) -> Run {
    let mut command = program(folder);
    if !arguments.contains(&"--model") {
        command.args(["--model", "small.safetensors"]);
    }
    if !arguments.contains(&"--top-k") {
        command.args(["--top-k", "2"]);
    }
    common::run(command.args(["--resume", "--output", "out"]).args(arguments))
}

fn read(folder: &TempDir) -> Vec<u8> {
    std::fs::read(folder.path().join("out")).unwrap()
}

/// That the finished output is refused, and stays.
fn assert_refused(folder: &TempDir, arguments: &[&str], part: &str) {
    let before = read(folder);
    let run = resumed(folder, arguments);
    assert_eq!(run.code, 1, "{part}: {}", run.stderr);
    assert!(
        run.stderr.contains(part) && run.stderr.contains("leave `--resume` out"),
        "{part}: {}",
        run.stderr
    );
    assert_eq!(read(folder), before);
    assert!(!folder.path().join("out.partial").exists());
}

#[test]
fn a_finished_output_of_other_inputs_is_not_taken_for_complete() {
    for format in ["json", "csv", "parquet"] {
        let folder = pictures();
        let run = |paths: &[&str]| resumed(&folder, &[&["--format", format][..], paths].concat());
        assert_eq!(run(&["photos"]).code, 0);
        let again = run(&["photos"]);
        assert_eq!(again.code, 0, "{}", again.stderr);
        let said = "`out` is complete, with 2 inputs: nothing is left to do";
        assert!(again.stderr.contains(said), "{}", again.stderr);
        // What was not checked is said where the file does not show it.
        let hint = format!(
            "hint: its inputs and classes are those of this run, but {format} does not say what made it"
        );
        assert_eq!(
            again.stderr.contains(&hint),
            format != "parquet",
            "{}",
            again.stderr
        );
        for (paths, part) in [
            (
                &["photos/2.png"][..],
                "its result 1 is of `photos/1.png`, but input 1 is `photos/2.png`",
            ),
            (
                &["photos/1.png"],
                "its result 2 is of `photos/2.png`, but there are no more inputs",
            ),
        ] {
            assert_refused(&folder, &[&["--format", format], paths].concat(), part);
        }
        picture(&folder, "photos/3.png");
        let part =
            "`out` is complete, but there are more inputs than it has: the first of them is `photos/3.png`";
        assert_refused(&folder, &["--format", format, "photos"], part);
    }
}

#[test]
fn a_finished_output_of_another_run_is_not_taken_for_complete() {
    let folder = pictures();
    let small = common::small_weights();
    let mut renamed = small.metadata().clone();
    let mut classes = small.class_names();
    classes.iter_mut().for_each(|name| name.push_str(" or so"));
    renamed.classes = Some(classes);
    let save = |weights: mbn_weights::Weights, name: &str| weights.save(&folder.path().join(name)).unwrap();
    save(
        small.clone().with_metadata(renamed).unwrap(),
        "renamed.safetensors",
    );
    let other = mbn_model::random_weights(*small.architecture(), 3, &candle_core::Device::Cpu).unwrap();
    save(
        other.with_metadata(small.metadata().clone()).unwrap(),
        "other.safetensors",
    );
    for format in ["json", "csv", "parquet"] {
        let _ = std::fs::remove_file(folder.path().join("out"));
        let with = |more: &[&'static str]| [&["--format", format, "photos"][..], more].concat();
        assert_eq!(resumed(&folder, &with(&[])).code, 0);
        let says = |lines: &'static str, parquet: &'static str| match format {
            "parquet" => parquet,
            _ => lines,
        };
        let part = says(
            "its result 1 has class ",
            "it was made by a model with other classes",
        );
        assert_refused(&folder, &with(&["--model", "renamed.safetensors"]), part);
        for (more, json, csv, parquet) in [
            (
                ["--top-k", "1"],
                "its result 1 has 2 classes, expected 1",
                "does not hold results of such a run",
                "it was made by --top-k 2, now it is 1",
            ),
            (
                ["--logits", "--features"],
                "other options of `--threshold`, `--logits`, `--features` and `--evaluate`",
                "does not hold results of such a run",
                "",
            ),
        ] {
            let part = match format {
                "json" => json,
                "csv" => csv,
                _ => parquet,
            };
            if !part.is_empty() {
                assert_refused(&folder, &with(&more), part);
            }
        }
        let with_other = with(&["--model", "other.safetensors"]);
        if format == "parquet" {
            assert_refused(&folder, &with_other, "it was made by another model");
            assert_refused(
                &folder,
                &with(&["--logits"]),
                "does not hold results of such a run",
            );
            assert_refused(
                &folder,
                &with(&["--full-decode"]),
                "made by --full-decode false, now it is true",
            );
        } else {
            // Nothing shows it, and that is said.
            let run = resumed(&folder, &with_other);
            assert_eq!(run.code, 0, "{}", run.stderr);
            assert!(
                run.stderr
                    .contains("if the model's weights, the preprocessing or other options have changed")
            );
        }
    }
}

/// What was killed before it had a result was to replace the finished output, and `--resume` continues that.
#[test]
fn a_run_that_was_killed_before_its_first_result_is_newer_than_the_finished_output() {
    for format in ["json", "parquet"] {
        let folder = pictures();
        let form = ["--format", format];
        let old = [&form[..], &["--top-k", "1", "photos"]].concat();
        assert_eq!(resumed(&folder, &old).code, 0);
        let before = read(&folder);
        let mut child = start_waiting(&folder, format);
        let made_by = folder.path().join("out.partial.json");
        while !made_by.exists() {
            assert!(child.try_wait().unwrap().is_none(), "the run ended early");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(folder.path().join("out.partial").metadata().unwrap().len(), 0);
        let new = [&form[..], &["--bad-images", "report", "photos"]].concat();
        // Another run does not continue it, however often it is tried, and does not take what is older.
        for _ in 0..2 {
            let run = resumed(&folder, &old);
            assert_eq!(run.code, 1, "{}", run.stderr);
            let part = "`out.partial` cannot be continued: it was made by --top-k 2, now it is 1\nhint: ";
            assert!(run.stderr.contains(part), "{}", run.stderr);
            assert_eq!(read(&folder), before);
        }
        let run = resumed(&folder, &new);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let part = "`out` is older than `out.partial`, which has no results yet: it is written anew";
        assert!(run.stderr.contains(part), "{}", run.stderr);
        assert_ne!(read(&folder), before);
        assert!(!made_by.exists());
        let run = resumed(&folder, &new);
        assert!(
            run.stderr.contains("`out` is complete, with 2 inputs"),
            "{}",
            run.stderr
        );
    }
}

/// A run that is killed right after it has given the output its name has finished it.
#[test]
fn what_an_output_that_got_its_name_left_behind_does_not_make_it_older() {
    let folder = pictures();
    let arguments = ["--format", "json", "photos"];
    assert_eq!(resumed(&folder, &arguments).code, 0);
    let before = read(&folder);
    let left = folder.path().join("out.partial.json");
    std::fs::write(&left, "{}").unwrap();
    let run = resumed(&folder, &arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("`out` is complete"), "{}", run.stderr);
    assert!(!left.exists() && read(&folder) == before);
}

/// A damaged Parquet file is an error that names it, and the program does not panic.
#[test]
fn a_damaged_finished_output_is_named() {
    let folder = pictures();
    let arguments = ["--format", "parquet", "photos"];
    assert_eq!(resumed(&folder, &arguments).code, 0);
    let mut bytes = read(&folder);
    bytes[4..60].fill(0xff);
    std::fs::write(folder.path().join("out"), &bytes).unwrap();
    let run = resumed(&folder, &arguments);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("error: cannot read `out`: "),
        "{}",
        run.stderr
    );
}
