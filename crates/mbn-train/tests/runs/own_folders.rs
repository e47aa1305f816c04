//! Runs, weights and copies of pictures where the data set lies.

use std::path::Path;

use crate::common::{data, pictures, read, refused, run, train};
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

const SMALL: &str = "--alpha 0.25 --size 32 --batch-size 4 --epochs 1 --threads 2";

/// Two classes beside each other, without a folder above.
fn flat() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), ".", "blue", [0, 30, 180], 10);
    pictures(folder.path(), ".", "red", [180, 30, 0], 10);
    folder
}

fn classes(run: &Path) -> Vec<String> {
    let summary: serde_json::Value = serde_json::from_slice(&read(run.join("summary.json"))).unwrap();
    serde_json::from_value(summary["classes"].clone()).unwrap()
}

/// `cd photos; mbn-train --data .` writes `runs` and `models` beside the classes.
#[test]
fn a_run_in_the_data_set_is_no_class() {
    let folder = flat();
    let path = folder.path();
    run(path, &format!("--data . {SMALL} --out first")).success();
    run(path, &format!("--data . {SMALL} --seed 1"))
        .success()
        .stderr(contains(
            "left out: 2 folders of runs or weights (`first`, `models`)",
        ));
    assert!(path.join("models/mobilenet_v1_0.25.safetensors").is_file());
    let runs = path.join("runs").read_dir().unwrap();
    let runs: Vec<_> = runs.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(classes(&runs[0]), ["blue", "red"]);
    run(path, "--resume first --no-publish").success();
    // Other images in such a folder make it a class.
    pictures(path, ".", "first", [0, 180, 0], 10);
    run(path, "--resume first --no-publish")
        .code(1)
        .stderr(contains("the classes in `.` differ"));
}

#[test]
fn nothing_is_written_into_a_class_folder() {
    let folder = data();
    let path = folder.path();
    let data = format!("--data data {SMALL}");
    let picture = "data/train/red/0.png";
    let before = read(path.join(picture));
    for (more, messages) in [
        (
            format!("--publish {picture}"),
            [
                "weights `data/train/red/0.png` would lie in the class folder",
                "hint: choose a place outside",
            ],
        ),
        (
            "--publish data/val/blue/new/w.safetensors".to_owned(),
            ["would lie in the class folder", "with `--publish`"],
        ),
    ] {
        refused(path, &format!("{data} {more}"), 1, &messages);
    }
    run(
        path,
        &format!("{data} --no-publish --out data/train/../train/blue/run"),
    )
    .code(1)
    .stderr(contains("run folder `data/train/../train/blue/run` would lie").and(contains("with `--out`")));
    assert!(!path.join("data/train/blue/run").exists());
    // Beside the classes is well.
    run(path, &format!("{data} --no-publish --out data/train/run")).success();
    run(
        path,
        &format!("{data} --publish data/w.safetensors --out data/train/run2"),
    )
    .success();
    run(path, &format!("--resume data/train/run --publish {picture}"))
        .code(1)
        .stderr(contains("would lie in the class folder"));
    assert!(read(path.join(picture)) == before);
}

#[cfg(unix)]
#[test]
fn an_image_to_which_a_link_leads_is_not_replaced() {
    let folder = data();
    let path = folder.path();
    std::fs::rename(path.join("data/train/red/0.png"), path.join("store.png")).unwrap();
    std::os::unix::fs::symlink("../../../store.png", path.join("data/train/red/0.png")).unwrap();
    let before = read(path.join("store.png"));
    refused(
        path,
        &format!("--data data {SMALL} --publish store.png"),
        1,
        &["`--publish store.png` is a file of the data set `data`"],
    );
    assert!(read(path.join("store.png")) == before);
}

#[test]
fn copies_in_both_parts_and_in_two_classes_are_a_warning() {
    let folder = data();
    let path = folder.path();
    let at = |name: &str| path.join("data").join(name);
    std::fs::copy(at("train/red/3.png"), at("val/red/copy.png")).unwrap();
    std::fs::copy(at("train/red/4.png"), at("train/blue/other.png")).unwrap();
    let line = format!("--data data {SMALL} --no-publish");
    run(path, &format!("{line} --out run")).success().stderr(
        contains("warning: 1 of 7 test images is a training image too: `data/val/red/copy.png` is `data/train/red/3.png`;").and(
            contains("warning: 1 picture lies in several class folders and has several labels: `data/train/blue/other.png`"),
        ),
    );
    std::fs::remove_file(at("val/red/copy.png")).unwrap();
    std::fs::remove_file(at("train/blue/other.png")).unwrap();
    run(path, &format!("{line} --out without"))
        .success()
        .stderr(contains("too:").not().and(contains("several labels").not()));
}

#[test]
fn test_images_without_labels_do_not_stop_a_run() {
    let folder = data();
    let path = folder.path();
    std::fs::rename(path.join("data/val/red"), path.join("data/test")).unwrap();
    std::fs::remove_dir_all(path.join("data/val")).unwrap();
    for (more, out) in [("", "usual"), ("--val-fraction 0.5", "half")] {
        run(
            path,
            &format!("--data data {SMALL} --no-publish {more} --out {out}"),
        )
        .success()
        .stderr(
            contains("warning: `data/test` is not tested on: it has no class folders; it has 3 images")
                .and(contains("`data` has no test images in class folders: held out")),
        );
    }
    let listed = String::from_utf8(read(path.join("half/test_images.txt"))).unwrap();
    let listed: Vec<_> = listed.lines().collect();
    assert_eq!(listed.len(), 8);
    assert!(
        listed.iter().all(|image| path.join(image).is_file()),
        "{listed:?}"
    );
    // Resuming writes it again.
    let again = path.join("half/test_images.txt");
    std::fs::remove_file(&again).unwrap();
    run(path, "--resume half").success();
    assert_eq!(
        String::from_utf8(read(&again))
            .unwrap()
            .lines()
            .collect::<Vec<_>>(),
        listed
    );
}

#[test]
fn the_tables_of_a_run_hold_what_its_pictures_show() {
    let folder = data();
    let path = folder.path();
    run(
        path,
        &format!("--data data {SMALL} --no-publish --lr 1e-30 --out run"),
    )
    .success();
    assert!(!path.join("run/test_images.txt").exists());
    let table = |name: &str| {
        let bytes = read(path.join("run").join(name));
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&bytes[..]);
        reader
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect::<Vec<Vec<String>>>()
    };
    let confusion = table("confusion.csv");
    assert_eq!(confusion[0], ["true_class", "blue", "red"]);
    let count = |row: usize, column: usize| confusion[row][column].parse::<usize>().unwrap();
    assert_eq!((count(1, 1) + count(1, 2), count(2, 1) + count(2, 2)), (3, 3));
    let mistakes = table("mistakes.csv");
    assert_eq!(
        mistakes[0],
        ["path", "true_class", "predicted_class", "probability"]
    );
    // Weights that learn nothing take one class for the other.
    assert_eq!(mistakes.len() - 1, count(1, 2) + count(2, 1));
    assert!(mistakes.len() > 1);
    for row in &mistakes[1..] {
        assert!(
            Path::new(&row[0]).starts_with(Path::new("data/val").join(&row[1])),
            "{row:?}"
        );
        assert_ne!(row[1], row[2]);
        assert!((0.5..=1.0).contains(&row[3].parse::<f32>().unwrap()), "{row:?}");
    }
    // They follow from the state.
    for name in ["confusion.csv", "mistakes.csv"] {
        let file = path.join("run").join(name);
        let before = read(&file);
        std::fs::remove_file(&file).unwrap();
        run(path, "--resume run").success();
        assert!(read(&file) == before, "{name}");
    }
    let files = "report run/summary.json run/history.csv run/state.safetensors";
    let output = train().current_dir(path).args(files.split(' ')).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
}

/// The fraction was the program's own choice, so it follows the data.
#[test]
fn settings_of_a_run_without_test_images_suit_data_that_has_some() {
    let folder = flat();
    let path = folder.path();
    let other = data();
    std::fs::rename(other.path().join("data"), path.join("data")).unwrap();
    for class in ["blue", "red"] {
        std::fs::create_dir_all(path.join("flat")).unwrap();
        std::fs::rename(path.join(class), path.join("flat").join(class)).unwrap();
    }
    run(path, &format!("--data flat {SMALL} --no-publish --out usual")).success();
    run(
        path,
        &format!("--data flat {SMALL} --no-publish --val-fraction 0.3 --out given"),
    )
    .success();
    let again = "--threads 2 --no-publish --data data";
    run(path, &format!("--config usual/settings.toml {again} --out again"))
        .success()
        .stderr(contains("16 training and 6 test images"));
    refused(
        path,
        &format!("--config given/settings.toml {again}"),
        1,
        &["has test images of its own in `data/val`", "--no-val-fraction"],
    );
    run(
        path,
        &format!("--config given/settings.toml --no-val-fraction {again} --out dropped"),
    )
    .success()
    .stderr(contains("16 training and 6 test images"));
}
