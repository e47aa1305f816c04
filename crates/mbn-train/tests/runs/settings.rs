//! Configuration files, class weights, and data that cannot be trained on.

use crate::common::{data, history, pictures, read, refused, run, two_colours};

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1 --no-publish";

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
    for epochs in ["'many'", "0", "-1", "1.5"] {
        std::fs::write(path.join("bad.toml"), format!("data = 'data'\nepochs = {epochs}")).unwrap();
        refused(path, "--config bad.toml", 1, &["expected a whole number from 1"]);
    }
    refused(
        path,
        "--data nope",
        1,
        &["there is no data set `nope`", "hint: `--data DIR` names"],
    );
    refused(
        path,
        "--config missing.toml",
        1,
        &["`missing.toml` cannot be read"],
    );
}

/// With balanced classes the loss differs from the unweighted one, and both are finite.
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
fn data_without_two_classes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    pictures(&data, "train", "blue", [0, 30, 180], 3);
    pictures(&data, "val", "blue", [0, 30, 180], 3);
    refused(folder.path(), SMALL, 1, &["has one class, `blue`"]);
    let around = folder.path().join("my zip");
    for class in ["rose", "tulip"] {
        pictures(&around, "flowers", class, [180, 30, 0], 2);
    }
    let line = SMALL.replace("--data data", "--config my.toml");
    std::fs::write(folder.path().join("my.toml"), "data = \"my zip\"\n").unwrap();
    let messages = [
        "`my zip` has one class, `flowers`",
        "\nhint: `--data 'my zip/flowers'` has 2 classes: `rose`, `tulip`\n",
    ];
    refused(folder.path(), &line, 1, &messages);
    refused(
        folder.path(),
        "--alpha 0.25",
        1,
        &["data/stl10_binary", "`--download`", "--data DIR"],
    );
    refused(folder.path(), &format!("{SMALL} --fold 3"), 1, &["fold"]);
}
