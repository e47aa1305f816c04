//! `--init`: weights to start from, and frozen blocks.

use std::collections::BTreeMap;

use crate::common::{data, pictures, read, refused, run};
use mbn_model::fresh_weights;
use mbn_spec::{Activation, Alpha, Architecture, Interpolation, Metadata, Preprocess, Stride2Padding};
use mbn_testing::{save_tensors, stored_tensors};
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

    // Two tensors missing, one of another shape, one too many: one error names all.
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
        "`model.3.1.bias` and `fc.bias` are missing",
        "`model.5.0.weight` is F32 [3], expected F32 [64, 1, 3, 3]",
        "`fc.extra` is not part of the network",
    ];
    refused(path, &format!("{SMALL} --init w.safetensors"), 1, &messages);

    // The data follows the header and the eight bytes of its length.
    let mut bad = good.clone();
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&good).unwrap();
    let (start, _) = metadata.info("model.3.0.weight").unwrap().data_offsets;
    bad[8 + header + start..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(path.join("w.safetensors"), bad).unwrap();
    let messages = ["`--init w.safetensors` cannot be used", "`model.3.0.weight`"];
    refused(path, &format!("{SMALL} --init w.safetensors"), 1, &messages);

    run(path, &format!("{SMALL} --out earlier")).success();
    let messages = ["hint: the weights of that run are in `earlier/best.safetensors`"];
    refused(
        path,
        &format!("{SMALL} --init earlier/state.safetensors"),
        1,
        &messages,
    );

    std::fs::write(path.join("w.safetensors"), &good).unwrap();
    let other = SMALL.replace("--alpha 0.25", "--alpha 0.5");
    let messages = [
        "`--init w.safetensors` holds weights of alpha 0.25, the run has alpha 0.5",
        "hint:",
    ];
    refused(path, &format!("{other} --init w.safetensors"), 1, &messages);
    // The alpha of a file has no option that could be left out.
    std::fs::write(path.join("c.toml"), "alpha = 0.5\n").unwrap();
    let other = SMALL.replace("--alpha 0.25", "--config c.toml");
    let messages = ["the run has alpha 0.5", "hint: give `--alpha 0.25`"];
    refused(path, &format!("{other} --init w.safetensors"), 1, &messages);

    std::fs::write(path.join("names.txt"), "a\nb\nc\n").unwrap();
    let names = format!("{SMALL} --init w.safetensors --init-classes");
    let messages = ["`--init-classes names.txt` has 3 classes, `w.safetensors` has 2"];
    refused(path, &format!("{names} names.txt"), 1, &messages);
    refused(path, &format!("{names} no.txt"), 1, &["cannot read", "`no.txt`"]);
    refused(
        path,
        &format!("{SMALL} --init-classes names.txt"),
        2,
        &["`--init`, which is not given"],
    );
}

/// Weights for the same classes are kept; for other classes only the classifier is new. Alpha and normalisation come
/// from the weights.
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
    // Classes with a known name keep their rows of the classifier; a file of names overrides the names in the weights.
    let init = weights(&["x", "y", "z"]);
    init.save(&path.join("w.safetensors")).unwrap();
    std::fs::write(path.join("names.txt"), "red, scarlet\ngreen\nBlue\n").unwrap();
    run(
        path,
        &format!("{still} --init w.safetensors --init-classes names.txt --out known"),
    )
    .success()
    .stderr(contains("the file has 3 classes; kept from it: `blue`, `red`"));
    let last = Weights::load(&path.join("known/last.safetensors")).unwrap();
    let (old, new) = (init.values("fc.weight"), last.values("fc.weight"));
    let row = old.len() / 3;
    assert!(new[..row] == old[2 * row..] && new[row..] == old[..row]);
    let (old, new) = (init.values("fc.bias"), last.values("fc.bias"));
    assert_eq!(new, [old[2], old[0]]);

    // A PyTorch state dict has no class names: its classifier is kept if it has the right number of classes.
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

/// With few images for new classes only the classifier is trained, else the whole network; the user may ask for either.
#[test]
fn the_recipe_follows_from_the_images_and_classes() {
    let folder = data();
    let path = folder.path();
    pictures(&path.join("many"), "train", "cat", [0, 30, 180], 160);
    pictures(&path.join("many"), "train", "dog", [180, 30, 0], 50);
    let weights = weights(&["a", "b", "c"]);
    weights.save(&path.join("new.safetensors")).unwrap();
    let same = fresh_weights(
        Architecture::new(Alpha::Quarter, 2),
        3,
        Metadata {
            classes: Some(vec!["blue".to_owned(), "red".to_owned()]),
            ..Metadata::default()
        },
    );
    let same = same.unwrap();
    same.save(&path.join("same.safetensors")).unwrap();
    let renamed = Metadata {
        classes: Some(vec!["Red".to_owned(), "BLUE".to_owned()]),
        ..Metadata::default()
    };
    let renamed = same.with_metadata(renamed).unwrap();
    renamed.save(&path.join("renamed.safetensors")).unwrap();
    for (name, options, recipe, frozen) in [
        ("few", "--data data --init new.safetensors", "classifier", 14),
        ("same", "--data data --init same.safetensors", "fine-tune", 0),
        (
            "renamed",
            "--data data --init renamed.safetensors",
            "fine-tune",
            0,
        ),
        (
            "part",
            "--data data --init new.safetensors --freeze 3",
            "fine-tune",
            3,
        ),
        (
            "all",
            "--data many --init new.safetensors --freeze all",
            "classifier",
            14,
        ),
        (
            "many",
            "--data many --init new.safetensors --val-fraction 0.01",
            "fine-tune",
            0,
        ),
        (
            "asked",
            "--data data --init new.safetensors --recipe strong",
            "strong",
            0,
        ),
    ] {
        let line = format!("{options} --size 32 --epochs 1 --no-publish --out {name}");
        let says = contains(format!("Recipe {recipe} (`--recipe` takes another)"));
        let assert = run(path, &line).success();
        let assert = match name {
            "renamed" => assert.stderr(
                contains("which is for the same classes in another order or spelling")
                    .and(contains("new classifier").not()),
            ),
            _ => assert,
        };
        match name {
            "asked" => assert.stderr(contains("takes another").not()),
            _ => assert.stderr(says),
        };
        let settings = String::from_utf8(read(path.join(name).join("settings.toml"))).unwrap();
        for setting in [format!("recipe = \"{recipe}\"\n"), format!("freeze = {frozen}\n")] {
            assert!(settings.contains(&setting), "{name}: {settings}");
        }
    }
}

/// The rate follows the batch, and the batch follows the images that can be used.
#[test]
fn the_rate_of_the_recipe_is_that_of_the_run() {
    let folder = data();
    let path = folder.path();
    std::fs::write(path.join("data/train/blue/broken.png"), "no image").unwrap();
    let weights = weights(&["a", "b", "c"]);
    weights.save(&path.join("new.safetensors")).unwrap();
    let line =
        "--data data --init new.safetensors --size 32 --epochs 1 --bad-images skip --no-publish --out run";
    run(path, line).success().stderr(contains(
        "for 16 images of 2 classes: only the classifier trains for 1 epoch at a rate of 0.0125\n",
    ));
    let settings = String::from_utf8(read(path.join("run/settings.toml"))).unwrap();
    assert!(
        settings.contains("batch-size = 16\n") && settings.contains("lr = 0.0125\n"),
        "{settings}"
    );
}

#[test]
fn images_have_the_size_that_the_weights_expect() {
    let folder = data();
    let path = folder.path();
    let weights = weights(&["blue", "red"]);
    let metadata = Metadata {
        preprocess: Some(Preprocess::default().with_size(48)),
        ..weights.metadata().clone()
    };
    let weights = weights.with_metadata(metadata).unwrap();
    weights.save(&path.join("w.safetensors")).unwrap();
    for (name, options, size) in [("own", "", 48), ("other", "--size 32", 32)] {
        let line = format!("--data data --init w.safetensors --epochs 1 --no-publish {options} --out {name}");
        run(path, &line).success();
        let last = Weights::load(&path.join(name).join("last.safetensors")).unwrap();
        assert_eq!(last.metadata().preprocess.unwrap().size, size);
    }
}

#[test]
fn a_start_without_a_classifier_gets_one_and_options_override_the_file() {
    let folder = data();
    let path = folder.path();
    let init = weights(&["blue", "red"]);
    init.save(&path.join("whole.safetensors")).unwrap();
    let mut tensors = stored_tensors(&std::fs::read(path.join("whole.safetensors")).unwrap());
    tensors.retain(|name, _| !name.starts_with("fc."));
    save_tensors(&path.join("w.safetensors"), &tensors);
    let still = SMALL.replace("--alpha 0.25 ", "") + " --lr 1e-30 --ema 0";
    run(
        path,
        &format!(
            "{still} --init w.safetensors --activation relu6 --epsilon 0.001 --padding same --mean 0.25 --std 0.5,1,0.75 \
             --resize crop --shorter 40 --interpolation bicubic --out start"
        ),
    )
    .success()
    .stderr(contains("new classifier for 2 classes: the file has none"));
    let last = Weights::load(&path.join("start/last.safetensors")).unwrap();
    assert_eq!(last.values("model.4.3.weight"), init.values("model.4.3.weight"));
    let variant = last.architecture().variant;
    assert_eq!(
        (variant.activation, variant.batch_norm_epsilon),
        (Activation::Relu6, 1e-3)
    );
    assert_eq!(variant.stride2_padding, Stride2Padding::Same);
    let preprocess = last.metadata().preprocess.unwrap();
    assert_eq!((preprocess.mean, preprocess.std), ([0.25; 3], [0.5, 1.0, 0.75]));
    assert_eq!((preprocess.size, preprocess.shorter_side()), (32, 40));
    assert_eq!(preprocess.interpolation, Interpolation::Bicubic);
    // A run resumes with them.
    run(path, "--resume start --quiet").success();
    let messages =
        ["`--init-classes names.txt` names the classes of `w.safetensors`, which has no classifier"];
    std::fs::write(path.join("names.txt"), "blue\nred\n").unwrap();
    let line = format!("{still} --init w.safetensors --init-classes names.txt");
    refused(path, &line, 1, &messages);
    let line = format!("{still} --init w.safetensors --shorter 40");
    refused(
        path,
        &line,
        1,
        &["`--shorter` has no effect without `--resize crop`"],
    );
}
