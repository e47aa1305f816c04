//! Runs and weights beside the classes: `mbn-train --data .` writes them there.

use super::*;
use crate::{HoldOut, OpenOptions, Share, open_with};

fn opened(root: &tempfile::TempDir) -> Result<Splits, DataError> {
    let share = Share {
        fraction: 0.5,
        seed: 0,
    };
    let options = OpenOptions {
        hold_out: HoldOut::IfMissing(share),
        ..OpenOptions::default()
    };
    open_with(root.path(), &options)
}

const FLAT: [&str; 4] = ["a/1.png", "a/2.png", "b/1.png", "b/2.png"];
const RUN: [&str; 8] = [
    "augmented.png",
    "best.safetensors",
    "confusion.png",
    "curves.png",
    "history.csv",
    "mistakes.png",
    "settings.toml",
    "state.safetensors",
];

fn run_in(folder: &str) -> Vec<String> {
    RUN.iter().map(|name| format!("{folder}/{name}")).collect()
}

#[test]
fn folders_of_runs_and_weights_are_no_classes() {
    let of_search = ["rates.csv", "rates.png", "augmented.png", "settings.toml"];
    let of_search: Vec<_> = of_search.iter().map(|name| format!("rates/{name}")).collect();
    let of_evaluation = [
        "evaluation.json",
        "classes.csv",
        "confusion.png",
        "reliability.png",
    ];
    let of_evaluation: Vec<_> = of_evaluation
        .iter()
        .map(|name| format!("tested/{name}"))
        .collect();
    let started = vec!["run1/state.safetensors".to_owned()];
    // A search for a learning rate that was interrupted.
    let interrupted = ["rates/augmented.png", "rates/settings.toml"]
        .map(str::to_owned)
        .to_vec();
    for (files, named) in [
        (run_in("run1"), "run1"),
        (run_in("runs/a_0.25"), "runs"),
        (
            [
                run_in("out/one"),
                run_in("out/group/two"),
                vec!["out/none/".to_owned()],
            ]
            .concat(),
            "out",
        ),
        (of_search, "rates"),
        (of_evaluation, "tested"),
        (started, "run1"),
        (interrupted, "rates"),
        (vec!["models/mobilenet_v1_0.25.safetensors".to_owned()], "models"),
        (
            vec!["export/small.onnx".to_owned(), "export/README.md".to_owned()],
            "export",
        ),
        (vec!["runs/".to_owned()], "runs"),
    ] {
        let more: Vec<&str> = files.iter().map(String::as_str).collect();
        let before = opened(&tree(&FLAT)).unwrap();
        let splits = opened(&tree(&[&FLAT[..], &more].concat())).unwrap();
        assert_eq!(splits.class_names, ["a", "b"], "{files:?}");
        // A run goes on when it lies there itself.
        assert_eq!(splits.fingerprint, before.fingerprint);
        let expected = format!("1 folder of runs or weights (`{named}`)");
        assert_eq!(splits.left_out.to_string(), expected);
    }
    // In `train` too, and beside the parts, where nothing is missed.
    let with_runs = [run_in("train/run1"), run_in("runs/x")].concat();
    let more: Vec<&str> = with_runs.iter().map(String::as_str).collect();
    let splits = opened(&tree(
        &[&["train/a/1.png", "train/b/1.png", "val/a/1.png"][..], &more].concat(),
    ))
    .unwrap();
    assert_eq!(splits.class_names, ["a", "b"]);
    assert!(!splits.left_out.may_be_missed(), "{}", splits.left_out);
}

/// A class is never left out because something of ours lies in it.
#[test]
fn folders_with_other_images_stay_classes() {
    for other in [
        &["c/best.safetensors", "c/1.png"][..],
        &["c/state.safetensors", "c/history.csv", "c/deep/1.jpg"],
        &["c/augmented.png", "c/curves.png"],
        &["c/augmented.png", "c/settings.toml", "c/1.png"],
        &["c/augmented.png", "c/notes.toml"],
        &["c/1.png", "c/settings.toml"],
        &["runs/1.png"],
        &["models/car/1.png", "models/best.onnx"],
    ] {
        let splits = opened(&tree(&[&FLAT[..], other].concat())).unwrap();
        assert_eq!(splits.class_names.len(), 3, "{other:?}");
    }
    for other in ["c/notes.txt", "c/1.heic", "models/1.heic"] {
        let error = opened(&tree(&["a/1.png", "a/2.png", other])).err().unwrap();
        assert!(error.to_string().contains("` has no images"), "{error}");
    }
    // The whole of a training part that runs were written to.
    let into = [run_in("train"), run_in("val")].concat();
    let more: Vec<&str> = into.iter().map(String::as_str).collect();
    let splits = opened(&tree(
        &[&["train/a/1.png", "train/b/1.png", "val/a/1.png"][..], &more].concat(),
    ))
    .unwrap();
    assert_eq!((splits.train.len(), splits.test.len()), (2, 1));
}

#[test]
fn a_folder_of_runs_alone_is_no_data_set() {
    let files = run_in("one");
    let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let error = opened(&root).err().unwrap().to_string();
    assert!(
        error.contains("it has no folders, only 1 folder of runs or weights (`one`)"),
        "{error}"
    );
}
