//! Configuration files, weights to start from, and mistakes that are found before the first step.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{data, history, pictures, read, refused, run, two_colours};
use mbn_model::fresh_weights;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess};
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;
use safetensors::tensor::{Dtype, TensorView};

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1 --no-publish";

fn weights(classes: &[&str]) -> Weights {
    let metadata = Metadata {
        classes: Some(classes.iter().map(ToString::to_string).collect()),
        preprocess: Some(Preprocess {
            mean: [0.5; 3],
            std: [0.5; 3],
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    fresh_weights(Architecture::new(Alpha::Quarter, classes.len()), 3, metadata).unwrap()
}

#[test]
fn a_configuration_gives_what_the_flags_give() {
    let folder = data();
    let path = folder.path();
    run(
        path,
        &format!("{SMALL} --mixup 0.3 --no-crop --seed 5 --out flags"),
    )
    .success();
    std::fs::write(
        path.join("c.toml"),
        "data = 'data'\nalpha = 0.25\nsize = 32\nbatch-size = 8\nepochs = 1\nmixup = 0.3\ncrop = false\nseed = 4\n",
    )
    .unwrap();
    run(path, "--config c.toml --seed 5 --no-publish --out file").success();
    run(path, "--config flags/settings.toml --no-publish --out again").success();
    for name in ["last.safetensors", "settings.toml", "augmented.png"] {
        assert!(
            read(path.join("flags").join(name)) == read(path.join("file").join(name)),
            "{name}"
        );
        assert!(
            read(path.join("flags").join(name)) == read(path.join("again").join(name)),
            "{name}"
        );
    }
    assert_eq!(history(&path.join("flags")), history(&path.join("file")));

    std::fs::write(path.join("bad.toml"), "data = 'data'\nlabel-smothing = 0.1").unwrap();
    let messages = [
        "`bad.toml`",
        "unknown key `label-smothing`",
        "hint: did you mean `label-smoothing`?",
    ];
    refused(path, "--config bad.toml", 1, &messages);
    std::fs::write(path.join("bad.toml"), "data = 'data'\nepochs = 'many'").unwrap();
    refused(path, "--config bad.toml", 1, &["`bad.toml`", "line 2"]);
    refused(
        path,
        "--config missing.toml",
        1,
        &["`missing.toml` cannot be read"],
    );
}

#[test]
fn weights_to_start_from_must_fit() {
    let folder = data();
    let path = folder.path();
    std::fs::write(path.join("w.safetensors"), "not weights").unwrap();
    refused(
        path,
        &format!("{SMALL} --init w.safetensors"),
        1,
        &["w.safetensors"],
    );
    refused(
        path,
        &format!("{SMALL} --init data"),
        1,
        &["`--init data` is a folder"],
    );
    refused(
        path,
        &format!("{SMALL} --init missing.safetensors"),
        1,
        &["missing.safetensors"],
    );

    // One tensor too few, one too many, one of another shape: all are named at once.
    let good = weights(&["blue", "red"]).to_bytes().unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&good).unwrap();
    let mut parts: BTreeMap<String, TensorView> = tensors
        .iter()
        .map(|(name, view)| (name.to_owned(), view))
        .collect();
    parts.remove("model.3.1.bias");
    parts.remove("fc.bias");
    let three = vec![0; 12];
    parts.insert(
        "model.5.0.weight".into(),
        TensorView::new(Dtype::F32, vec![3], &three).unwrap(),
    );
    parts.insert(
        "fc.extra".into(),
        TensorView::new(Dtype::F32, vec![3], &three).unwrap(),
    );
    std::fs::write(
        path.join("w.safetensors"),
        safetensors::serialize(parts, None).unwrap(),
    )
    .unwrap();
    let messages = [
        "`model.3.1.bias` is missing",
        "`fc.bias` is missing",
        "`model.5.0.weight` is F32 [3], expected F32 [64, 1, 3, 3]",
        "`fc.extra` is not part of the network",
    ];
    refused(path, &format!("{SMALL} --init w.safetensors"), 1, &messages);

    // The offset of a value is that of its tensor, after the header and the eight bytes of its length.
    let mut bad = good.clone();
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&good).unwrap();
    let (start, _) = metadata.info("model.3.0.weight").unwrap().data_offsets;
    bad[8 + header + start..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(path.join("w.safetensors"), bad).unwrap();
    let messages = ["`--init w.safetensors` cannot be used", "`model.3.0.weight`"];
    refused(path, &format!("{SMALL} --init w.safetensors"), 1, &messages);

    run(path, &format!("{SMALL} --out earlier")).success();
    let messages = ["hint: a run's weights are in `earlier/best.safetensors`"];
    refused(
        path,
        &format!("{SMALL} --init earlier/state.safetensors"),
        1,
        &messages,
    );

    std::fs::write(path.join("w.safetensors"), &good).unwrap();
    let other = SMALL.replace("--alpha 0.25", "--alpha 0.5");
    let messages = [
        "`--init w.safetensors` holds alpha 0.25, the run is to have alpha 0.5",
        "hint:",
    ];
    refused(path, &format!("{other} --init w.safetensors"), 1, &messages);

    std::fs::write(path.join("names.txt"), "a\nb\nc\n").unwrap();
    let names = format!("{SMALL} --init w.safetensors --init-classes");
    let messages = ["`--init-classes names.txt` names 3 classes, `w.safetensors` has 2"];
    refused(path, &format!("{names} names.txt"), 1, &messages);
    refused(path, &format!("{names} no.txt"), 1, &["cannot read", "`no.txt`"]);
    refused(
        path,
        &format!("{SMALL} --init-classes names.txt"),
        2,
        &["`--init`, which is not given"],
    );
}

/// Weights of the same classes start where they ended; for others the classifier alone is new. Without `--alpha` the
/// weights decide, and their normalisation is kept.
#[test]
fn starting_from_weights() {
    let folder = data();
    let path = folder.path();
    let still = SMALL.replace("--alpha 0.25 ", "") + " --lr 1e-30 --ema 0";
    for (name, classes, replaced) in [
        ("same", &["blue", "red"][..], false),
        ("other", &["cat", "dog"], true),
        ("more", &["blue", "green", "red"], true),
    ] {
        let init = weights(classes);
        init.save(&path.join("w.safetensors")).unwrap();
        let assert = run(path, &format!("{still} --init w.safetensors --out {name}")).success();
        let says = contains("new classifier for 2 classes");
        if replaced {
            assert.stderr(says);
        } else {
            assert.stderr(says.not());
        }
        let last = Weights::load(&path.join(name).join("last.safetensors")).unwrap();
        assert_eq!(last.values("model.4.3.weight"), init.values("model.4.3.weight"));
        assert_eq!(
            last.values("fc.weight") == init.values("fc.weight"),
            !replaced,
            "{name}"
        );
        assert_eq!(last.class_names(), ["blue", "red"]);
        let preprocess = last.metadata().preprocess.unwrap();
        assert_eq!((preprocess.mean, preprocess.size), ([0.5; 3], 32));
    }
    // Classes that both know keep their part of the classifier; a file of names stands above the weights' own.
    let init = weights(&["x", "y", "z"]);
    init.save(&path.join("w.safetensors")).unwrap();
    std::fs::write(path.join("names.txt"), "red, scarlet\ngreen\nBlue\n").unwrap();
    run(
        path,
        &format!("{still} --init w.safetensors --init-classes names.txt --out known"),
    )
    .success()
    .stderr(contains("the file's has 3; kept from it: `blue`, `red`"));
    let last = Weights::load(&path.join("known/last.safetensors")).unwrap();
    let (old, new) = (init.values("fc.weight"), last.values("fc.weight"));
    let row = old.len() / 3;
    assert!(new[..row] == old[2 * row..] && new[row..] == old[..row]);
    let (old, new) = (init.values("fc.bias"), last.values("fc.bias"));
    assert_eq!(new, [old[2], old[0]]);

    // A PyTorch state dict has no metadata: its classifier is taken for what the data has.
    let plain = fresh_weights(Architecture::new(Alpha::Quarter, 2), 3, Metadata::default()).unwrap();
    let bytes = plain.to_bytes().unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let parts: Vec<_> = tensors.iter().collect();
    std::fs::write(
        path.join("w.safetensors"),
        safetensors::serialize(parts, None).unwrap(),
    )
    .unwrap();
    run(path, &format!("{still} --init w.safetensors --out plain"))
        .success()
        .stderr(contains("new classifier").not());
}

#[test]
fn frozen_blocks_stay_and_the_classifier_learns() {
    let folder = data();
    let path = folder.path();
    weights(&["blue", "red"])
        .save(&path.join("w.safetensors"))
        .unwrap();
    run(
        path,
        &format!("{SMALL} --init w.safetensors --freeze all --out all"),
    )
    .success()
    .stderr(contains("Frozen: all blocks"));
    let (init, last) = (
        weights(&["blue", "red"]),
        Weights::load(&path.join("all/last.safetensors")).unwrap(),
    );
    for spec in init.architecture().tensors() {
        let same = init.values(&spec.name) == last.values(&spec.name);
        assert_eq!(same, !spec.name.starts_with("fc."), "{}", spec.name);
    }
}

/// Rare classes count as much as frequent ones: the loss differs from the unweighted one, and both are finite.
#[test]
fn class_weights_enter_the_loss() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    two_colours(&data);
    std::fs::remove_dir_all(data.join("train/red")).unwrap();
    pictures(&data, "train", "red", [180, 30, 0], 2);
    let loss = |arguments: &str, out: &str| {
        run(
            folder.path(),
            &format!("{SMALL} --lr 1e-30 {arguments} --out {out}"),
        )
        .success();
        let rows = history(&folder.path().join(out));
        rows[1].split(',').nth(1).unwrap().parse::<f64>().unwrap()
    };
    let (plain, balanced) = (loss("", "plain"), loss("--class-weights balanced", "balanced"));
    assert!(
        balanced.is_finite() && (plain - balanced).abs() > 1e-4,
        "{plain} {balanced}"
    );
}

#[test]
fn data_that_no_classifier_can_be_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    pictures(&data, "train", "blue", [0, 30, 180], 3);
    pictures(&data, "val", "blue", [0, 30, 180], 3);
    refused(folder.path(), SMALL, 1, &["has one class, `blue`"]);
    refused(
        folder.path(),
        "--alpha 0.25",
        1,
        &["data/stl10_binary", "`--download`", "--data DIR"],
    );
    refused(folder.path(), &format!("{SMALL} --fold 3"), 1, &["fold"]);
}
