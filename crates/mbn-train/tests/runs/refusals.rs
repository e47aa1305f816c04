//! Mistakes that are found before the first step.

use crate::common::{data, read, refused, run};
use predicates::prelude::*;
use predicates::str::contains;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1 --no-publish";

/// A text file, an empty file and half an image.
#[test]
fn every_unreadable_image_is_named() {
    let folder = data();
    let path = folder.path();
    let whole = read(path.join("data/train/red/3.png"));
    for (name, content) in [
        ("train/blue/1.png", &b"<html>"[..]),
        ("train/red/3.png", &whole[..whole.len() / 2]),
        ("val/blue/0.png", b""),
    ] {
        std::fs::write(path.join("data").join(name), content).unwrap();
    }
    let messages = [
        "3 of 22 images in `data` cannot be used:",
        "\n  `data/train/blue/1.png`: it is not an image",
        "\n  `data/train/red/3.png`: the PNG file is truncated",
        "\n  `data/val/blue/0.png`: the file is empty",
        "hint:",
    ];
    refused(path, SMALL, 1, &messages);
}

#[test]
fn a_place_where_nothing_can_be_published_is_refused() {
    let folder = data();
    let path = folder.path();
    let published = SMALL.replace("--no-publish", "");
    let messages = ["`--publish data`: it is a folder", "hint:"];
    refused(path, &format!("{published} --publish data"), 1, &messages);
    std::fs::write(path.join("models"), "no folder").unwrap();
    let messages = [
        "`models/mobilenet_v1_0.25.safetensors`: `models` is a file",
        "`--no-publish`",
    ];
    refused(path, &published, 1, &messages);
    run(path, &format!("{SMALL} --out run")).success();
}

#[test]
fn no_run_goes_to_stdout() {
    let folder = data();
    let path = folder.path();
    let published = SMALL.replace("--no-publish", "");
    for command in [
        format!("{SMALL} --out -"),
        format!("{published} --publish -"),
        format!("{SMALL} --lr-find --out -"),
        "--resume run --publish -".to_owned(),
    ] {
        run(path, &command)
            .code(2)
            .stdout("")
            .stderr(contains("`-` stands for stdout").and(contains("`./-`")));
    }
    assert!(!path.join("-").exists());
}

/// The files of the run are UTF-8 and could not name it.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_utf_8_is_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = data();
    let name = OsStr::from_bytes(b"d\xe9");
    std::fs::rename(folder.path().join("data"), folder.path().join(name)).unwrap();
    let mut command = crate::common::train();
    command.current_dir(folder.path()).arg("--data").arg(name);
    let assert = command.args(["--alpha", "0.25"]).assert().code(2);
    assert.stderr(contains("`--data ").and(contains("is not UTF-8")));
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn a_step_of_fewer_than_three_values_a_channel_is_refused() {
    let folder = data();
    for (batch, values) in [
        (
            1,
            "a batch of 1 image of 32 x 32 pixels leaves 1 value per channel",
        ),
        (
            2,
            "a batch of 2 images of 32 x 32 pixels leaves 2 values per channel",
        ),
    ] {
        // With a single epoch, images would not grow.
        let line = SMALL.replace("--batch-size 8", &format!("--batch-size {batch}"));
        let line = line.replace("--epochs 1", "--epochs 2");
        for (size, option) in [
            ("--size 32", "--size"),
            ("--size 64 --train-size 32", "--train-size"),
            ("--size 64 --progressive 32", "--progressive"),
        ] {
            let hint = format!("hint: raise `--batch-size` or `{option}`");
            let line = line.replace("--size 32", size);
            refused(folder.path(), &line, 1, &[values, "needs at least 3", &hint]);
        }
    }
    for enough in ["--batch-size 3 --size 32", "--batch-size 1 --size 64"] {
        let line = SMALL.replace("--size 32 --batch-size 8", enough);
        let out = enough.replace(' ', "");
        run(folder.path(), &format!("{line} --out ./{out}")).success();
    }
}

#[test]
fn a_contradiction_in_a_file_names_the_file() {
    let folder = data();
    let path = folder.path();
    std::fs::write(path.join("c.toml"), "data = 'data'\nepochs = 2\nwarmup = 3\n").unwrap();
    let messages = ["`c.toml` cannot be used: `warmup 3` is more than `epochs 2`"];
    refused(path, "--config c.toml", 1, &messages);
}

/// The default learning rate follows the actual batch size.
#[test]
fn batches_that_do_not_fit_the_data_give_a_warning() {
    let folder = data();
    let path = folder.path();
    run(
        path,
        &format!("{SMALL} --batch-size 64 --out run").replace("--batch-size 8 ", ""),
    )
    .success()
    .stderr(contains("16 training images, fewer than a batch of 64"));
    let settings = String::from_utf8(read(path.join("run/settings.toml"))).unwrap();
    assert!(
        settings.contains("batch-size = 16\n") && settings.contains("lr = 0.025\n"),
        "{settings}"
    );
    let leaves = contains("batches of 12 leave 4 of 16 training images out");
    run(
        path,
        &SMALL.replace("--batch-size 8", "--batch-size 12 --out twelve"),
    )
    .success()
    .stderr(leaves.clone());
    run(path, &format!("{SMALL} --out eight"))
        .success()
        .stderr(contains("training images out").not());
}

/// A run that is killed before its first state leaves nothing to resume, but perhaps half a file.
#[test]
fn files_of_a_killed_start_are_removed() {
    let folder = data();
    let out = folder.path().join("run");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join(".mbn-x.tmp"), "half of a file").unwrap();
    run(folder.path(), &format!("{SMALL} --out run")).success();
    assert!(!out.join(".mbn-x.tmp").exists());
}

#[cfg(unix)]
#[test]
fn a_run_folder_that_is_none_is_named() {
    let folder = data();
    let path = folder.path();
    std::fs::write(path.join("file"), "").unwrap();
    std::os::unix::fs::symlink("gone/away", path.join("link")).unwrap();
    for (out, message) in [
        ("file", "run folder `file` is a file, expected a folder"),
        (
            "link",
            "run folder `link` is a link to `gone/away`, which cannot be read",
        ),
    ] {
        run(path, &format!("{SMALL} --out {out}"))
            .code(1)
            .stderr(contains(message).and(contains("hint: choose another `--out`")));
    }
    assert!(!path.join("gone").exists());
    // A link to a folder is one.
    std::fs::create_dir(path.join("there")).unwrap();
    std::os::unix::fs::symlink("there", path.join("to")).unwrap();
    run(path, &format!("{SMALL} --out to")).success();
    assert!(path.join("there/summary.json").is_file());
}

/// STL-10's files may have many images, and a fold of them few.
#[test]
fn a_fold_that_is_too_small_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stl10_binary");
    std::fs::create_dir(&path).unwrap();
    let pictures = [vec![0; 4 * 27_648], vec![9; 27_648]].concat();
    for (name, content) in [
        ("class_names.txt", b"blue\nred\n".to_vec()),
        ("fold_indices.txt", b"0\n0 2\n".to_vec()),
        ("train_X.bin", pictures.clone()),
        ("train_y.bin", vec![1, 2, 1, 2, 1]),
        ("test_X.bin", pictures),
        ("test_y.bin", vec![1, 2, 1, 2, 1]),
    ] {
        std::fs::write(path.join(name), content).unwrap();
    }
    let line = SMALL
        .replace("--data data", "--data stl10_binary")
        .replace("--size 32", "--size 64");
    for (fold, message) in [
        (0, "fold 0 of `stl10_binary` has one training image"),
        (
            1,
            "no training image in fold 1 of `stl10_binary` can be used of `red`",
        ),
    ] {
        refused(folder.path(), &format!("{line} --fold {fold}"), 1, &[message]);
    }
}
