//! `--init-classes`: names with numbers.

use mbn_model::fresh_weights;
use mbn_spec::{Alpha, Architecture, Metadata};
use predicates::prelude::*;
use predicates::str::contains;

use crate::common::{data, run};

/// Names that were listed from the folders are the folders', and the classifier is kept.
#[test]
fn lines_with_numbers_are_compared_with_the_folders() {
    let folder = data();
    let path = folder.path();
    for part in ["train", "val"] {
        for (class, name) in [("blue", "0 blue"), ("red", "1 red")] {
            let part = path.join("data").join(part);
            std::fs::rename(part.join(class), part.join(name)).unwrap();
        }
    }
    let weights = fresh_weights(Architecture::new(Alpha::Quarter, 2), 3, Metadata::default()).unwrap();
    weights.save(&path.join("w.safetensors")).unwrap();
    for (at, (names, is_kept)) in [
        ("0 blue\n1 red\n", true),
        ("1: red\n0: blue\n", false),
        ("1 red\n0 blue\n", true),
        ("0 cat\n1 dog\n", false),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(path.join("names.txt"), names).unwrap();
        let line = format!(
            "--data data --size 32 --batch-size 8 --epochs 1 --no-publish --init w.safetensors --init-classes names.txt --out r{at}"
        );
        let replaced = contains("new classifier");
        let assert = run(path, &line).success();
        match is_kept {
            true => assert.stderr(replaced.not()),
            false => assert.stderr(replaced),
        };
    }
}
