//! Wrong command lines, and small runs.

use std::path::Path;

use crate::common::{pictures, train, two_colours};
use predicates::prelude::*;
use predicates::str::contains;

#[test]
fn alpha_must_be_one_of_four() {
    let assert = train().args(["--data", "d", "--alpha", "0.3"]).assert();
    assert.code(2).stderr(
        contains("`0.3`")
            .or(contains("0.3"))
            .and(contains("0.25, 0.5, 0.75, 1.0")),
    );
}

#[test]
fn data_that_cannot_be_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let run = |data: &Path| {
        let mut command = train();
        command
            .current_dir(folder.path())
            .arg("--data")
            .arg(data)
            .args(["--alpha", "0.25"]);
        command.assert().code(1).stdout("")
    };
    run(Path::new("missing")).stderr(contains("missing"));
    let empty = folder.path().join("empty");
    std::fs::create_dir_all(empty.join("train/blue")).unwrap();
    std::fs::create_dir_all(empty.join("val/blue")).unwrap();
    run(&empty).stderr(contains("empty"));
    let only_in_val = folder.path().join("only_in_val");
    two_colours(&only_in_val);
    pictures(&only_in_val, "val", "green", [0, 180, 0], 2);
    run(&only_in_val).stderr(contains("green"));
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_is_refused_by_a_build_without_it() {
    let assert = train().args(["--data", "d", "--device", "cuda"]).assert();
    assert
        .code(1)
        .stderr(contains("no CUDA support").and(contains("hint:")));
}

#[test]
fn options_of_all_commands_may_stand_before_a_subcommand() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| train().current_dir(folder.path()).args(line.split(' ')).assert();
    for line in ["report gone", "-q report gone", "--log-level warn report gone"] {
        run(line).code(1).stderr(contains("gone"));
    }
    run("--alpha 0.25 report gone").code(2).stderr(contains(
        "`--alpha` does not go with the subcommand `report`, whose own options follow its name",
    ));
}

#[test]
fn a_negative_number_is_a_value_out_of_range() {
    for option in ["--mixup", "--warmup", "--patience", "--seed", "--erasing"] {
        let assert = train().args(["--data", "d", option, "-1"]).assert();
        assert
            .code(2)
            .stderr(contains("invalid value '-1'").and(contains(option)));
    }
}

#[test]
fn tf32_on_the_cpu_contradicts_itself() {
    let run = |device: &str| {
        let args = ["--data", "d", "--precision", "tf32", "--device", device];
        train().args(args).assert()
    };
    run("cpu")
        .code(2)
        .stderr(contains("tf32").and(contains("--device cpu")));
}

#[cfg(not(feature = "cuda"))]
#[test]
fn tf32_without_a_device_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    two_colours(folder.path());
    let out = folder.path().join("run");
    let mut command = train();
    command.args(["--precision", "tf32", "--alpha", "0.25", "--data"]);
    command.arg(folder.path()).arg("--out").arg(&out);
    let assert = command.assert().code(1);
    assert.stderr(contains("needs a CUDA device").and(contains("hint:")));
    assert!(!out.exists(), "a run that cannot start leaves no folder");
}

#[test]
fn nothing_to_resume_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    train()
        .arg("--resume")
        .arg(folder.path())
        .assert()
        .code(1)
        .stderr(contains("no run"));
}

#[test]
fn a_small_run_leaves_all_its_files_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    two_colours(folder.path());
    let small = [
        "--alpha",
        "0.25",
        "--size",
        "32",
        "--epochs",
        "2",
        "--batch-size",
        "8",
        "--lr",
        "0.05",
    ];
    let run = |out: &str| {
        let mut command = train();
        command
            .current_dir(folder.path())
            .args(["--data", "."])
            .args(small)
            .args(["--out", out]);
        command.assert().success().stdout("");
    };
    run("run");
    let file = |name: &str| folder.path().join("run").join(name);
    for name in [
        "last.safetensors",
        "best.safetensors",
        "state.safetensors",
        "history.csv",
        "curves.png",
        "confusion.png",
        "summary.json",
    ] {
        assert!(file(name).metadata().unwrap().len() > 0, "{name}");
    }
    let history = std::fs::read_to_string(file("history.csv")).unwrap();
    assert_eq!(history.lines().count(), 3, "{history}");
    assert!(
        folder
            .path()
            .join("models/mobilenet_v1_0.25.safetensors")
            .exists()
    );

    // The same seed gives the same weights, and a folder with a run is not overwritten.
    run("again");
    let weights = |run: &str| std::fs::read(folder.path().join(run).join("last.safetensors")).unwrap();
    assert!(
        weights("run") == weights("again"),
        "two runs with one seed differ"
    );
    let mut command = train();
    command
        .current_dir(folder.path())
        .args(["--data", "."])
        .args(small)
        .args(["--out", "run"]);
    command.assert().code(1).stderr(contains("--resume"));

    train()
        .current_dir(folder.path())
        .args(["--resume", "run"])
        .assert()
        .success();
    assert!(
        weights("run") == weights("again"),
        "a finished run changed when it was resumed"
    );
}

/// Rounding to bfloat16 changes the loss of the only step a little. The saved settings and the weights show that it was used.
#[test]
fn bfloat16_trains_as_float32_does() {
    let folder = tempfile::tempdir().unwrap();
    two_colours(folder.path());
    let results = ["f32", "bf16"].map(|precision| {
        let out = folder.path().join(precision);
        let mut command = train();
        command
            .arg("--data")
            .arg(folder.path())
            .args([
                "--alpha",
                "0.25",
                "--size",
                "32",
                "--epochs",
                "1",
                "--batch-size",
                "16",
            ])
            .args([
                "--recipe",
                "plain",
                "--lr",
                "0.02",
                "--no-publish",
                "--precision",
                precision,
            ])
            .arg("--out")
            .arg(&out);
        command.assert().success();
        let history = std::fs::read_to_string(out.join("history.csv")).unwrap();
        let last = history.lines().last().unwrap();
        let loss: f64 = last.split(',').nth(1).unwrap().parse().unwrap();
        let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
        assert!(summary.contains(precision), "{summary}");
        (loss, std::fs::read(out.join("last.safetensors")).unwrap())
    });
    let [(full, full_weights), (half, half_weights)] = results;
    assert!((full - half).abs() < 0.02, "training loss {full} and {half}");
    assert_ne!(full_weights, half_weights);
}

#[test]
fn profile_lists_every_layer_in_both_directions() {
    let mut command = train();
    command.args([
        "--profile",
        "--alpha",
        "0.25",
        "--size",
        "32",
        "--batch-size",
        "2",
    ]);
    let output = command.assert().success().get_output().stdout.clone();
    let table = String::from_utf8(output).unwrap();
    let rows = |text: &str| {
        table
            .lines()
            .filter(|line| line.starts_with("| model.") && line.contains(text))
            .count()
    };
    assert_eq!((rows("forward"), rows("backward")), (27, 27), "{table}");
    assert!(table.contains("images/s") && table.contains("GFLOP/s"), "{table}");
    train().args(["--profile", "--data", "d"]).assert().code(2);
}
