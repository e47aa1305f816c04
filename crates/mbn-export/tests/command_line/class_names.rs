//! `--classes`: names with numbers.

use mbn_spec::Alpha;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::common::{export, small, weights};

const BEGINS: &str = "begins with a number, which is taken as a part of the name";

/// The names that the weights have tell whether a number belongs to them.
#[test]
fn lines_with_numbers_are_compared_with_the_weights_own_names() {
    let folder = TempDir::new().unwrap();
    let args = [
        "--weights=w.safetensors",
        "--classes=names.txt",
        "out.safetensors",
    ];
    for (own, lines, expected) in [
        (["0 cat", "1 dog"], "0 cat\n1 dog\n", ["0 cat", "1 dog"]),
        (["cat", "dog"], "1 dog\n0 cat\n", ["cat", "dog"]),
        (["cat", "dog"], "1 cat\n2 dog\n", ["cat", "dog"]),
        (["a", "b"], "0 cat\n1 dog\n", ["cat", "dog"]),
    ] {
        let own = own.map(str::to_owned).to_vec();
        let weights = weights(Alpha::Quarter, 2, small).with_class_names(own).unwrap();
        weights.save(&folder.path().join("w.safetensors")).unwrap();
        std::fs::write(folder.path().join("names.txt"), lines).unwrap();
        export(folder.path(), &args)
            .success()
            .stderr(contains(BEGINS).not());
        let named = mbn_weights::Weights::load(&folder.path().join("out.safetensors")).unwrap();
        assert_eq!(named.class_names(), expected, "{lines}");
    }
}

/// torchvision sorts folders that are called by numbers as text.
#[test]
fn numbers_of_json_from_1_on_are_a_warning_if_text_sorts_them_otherwise() {
    let folder = TempDir::new().unwrap();
    let args = [
        "--alpha=0.25",
        "--random-weights=1",
        "--classes=names.json",
        "--summary",
    ];
    for (first, count, is_warned) in [(1, 10, true), (1, 9, false), (0, 10, false)] {
        let entries = (first..first + count).map(|n| format!("\"{n}\": \"name {n}\""));
        let text = format!("{{{}}}", entries.collect::<Vec<_>>().join(", "));
        std::fs::write(folder.path().join("names.json"), text).unwrap();
        let assert = export(folder.path(), &args).success();
        let warning = contains("have sorted these as text, 1, 10, 11, 2");
        match is_warned {
            true => assert.stderr(warning),
            false => assert.stderr(warning.not()),
        };
    }
}
