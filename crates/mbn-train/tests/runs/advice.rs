//! Advice about runs that learn nothing, and about small data sets.

use std::path::Path;

use crate::common::{data, pictures, run};
use mbn_model::fresh_weights;
use mbn_spec::{Alpha, Architecture, Metadata};
use predicates::prelude::*;
use predicates::str::contains;

/// A step sees all images.
const SMALL: &str = "--alpha 0.25 --size 32 --batch-size 16 --recipe plain --no-publish";
const CHANCE: &str = "after 3 epochs the training accuracy is 50.00 %, and guessing gives 50.00 %: the network has learned nothing yet";
const FEW: &str = "16 training images are few for random weights; with `--init WEIGHTS`";

/// Two classes of the very same pictures: no network tells them apart, so exactly half of its guesses are right.
fn indistinguishable(folder: &Path) {
    for class in ["one", "two"] {
        pictures(folder, "train", class, [20, 90, 150], 8);
        pictures(folder, "val", class, [20, 90, 150], 1);
    }
}

#[test]
fn a_network_that_guesses_after_three_epochs_is_noticed_once() {
    let folder = data();
    let path = folder.path();
    indistinguishable(&path.join("same"));
    run(path, &format!("--data same {SMALL} --epochs 5 --out guesses"))
        .success()
        .stderr(contains(CHANCE).count(1))
        .stderr(
            contains("hint: see in `guesses/augmented.png` whether images and labels belong together")
                .count(1),
        )
        .stderr(contains(
            "`mbn-train --config guesses/settings.toml --lr-find` looks for another learning rate than 0.025",
        ))
        .stderr(contains(
            "or start from weights that are trained already, with `--init`",
        ));
    // Two epochs say nothing, and a resumed run does not say it again.
    run(path, &format!("--data same {SMALL} --epochs 2 --out short"))
        .success()
        .stderr(contains("learned nothing").not());
    run(path, "--resume guesses")
        .success()
        .stderr(contains("learned nothing").not());
    // Colours are learned.
    run(
        path,
        &format!("--data data {SMALL} --optimizer adamw --lr 0.003 --epochs 4 --out learns"),
    )
    .success()
    .stderr(contains("learned nothing").not());
}

#[test]
fn few_images_are_better_served_by_trained_weights() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("--data data {SMALL} --epochs 1 --out random"))
        .success()
        .stderr(contains(FEW).count(1));
    let metadata = Metadata {
        classes: Some(vec!["blue".to_owned(), "red".to_owned()]),
        ..Metadata::default()
    };
    let weights = fresh_weights(Architecture::new(Alpha::Quarter, 2), 3, metadata).unwrap();
    weights.save(&path.join("w.safetensors")).unwrap();
    run(
        path,
        &format!("--data data {SMALL} --epochs 1 --init w.safetensors --out trained"),
    )
    .success()
    .stderr(contains("few for random weights").not());
}
