//! `--bad-images`: images that cannot be used, found by their headers or when their pixels are decoded.

use std::path::Path;

use crate::common::{data, history, read, refused, run, spoil, stop_after};
use predicates::prelude::*;
use predicates::str::contains;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 4 --epochs 2 --no-publish --threads 2";

/// Numbers of training and test images in the summary.
fn images(run: &Path) -> (u64, u64) {
    let summary: serde_json::Value = serde_json::from_slice(&read(run.join("summary.json"))).unwrap();
    let number = |key: &str| summary[key].as_u64().unwrap();
    (number("train_images"), number("test_images"))
}

fn bad_images(run: &Path) -> serde_json::Value {
    let summary: serde_json::Value = serde_json::from_slice(&read(run.join("summary.json"))).unwrap();
    summary["bad_images"].clone()
}

fn last(run: &Path) -> Vec<u8> {
    read(run.join("last.safetensors"))
}

/// Half an image, a text and an empty file, in both parts.
#[test]
fn images_with_bad_headers_are_left_out_and_named() {
    let folder = data();
    let path = folder.path();
    let whole = read(path.join("data/train/red/3.png"));
    for (name, content) in [
        ("train/red/3.png", &whole[..whole.len() / 2]),
        ("train/blue/1.png", b"<html>"),
        ("val/blue/0.png", b""),
    ] {
        std::fs::write(path.join("data").join(name), content).unwrap();
    }
    refused(
        path,
        SMALL,
        1,
        &["3 of 22 images in `data` cannot be used:", "`--bad-images skip`"],
    );
    let skip = format!("{SMALL} --bad-images skip");
    let named = contains("warning: 3 of 22 images in `data` cannot be used and are left out:")
        .and(contains("\n  `data/train/blue/1.png`: it is not an image"))
        .and(contains("\n  `data/val/blue/0.png`: the file is empty"))
        .and(contains("14 training and 5 test images"))
        .and(contains("  blue  7  2\n  red   7  3\n"))
        .and(contains("warning: 3 images could not be used"));
    run(path, &format!("{skip} --out whole")).success().stderr(named);
    assert_eq!(
        bad_images(&path.join("whole")),
        serde_json::json!({"train": 2, "test": 1})
    );

    // The same images are left out when the run resumes, even if one of them is good by then.
    stop_after(
        path,
        &format!("{skip} --save-every 0 --out stopped"),
        "stopped",
        2,
    );
    std::fs::write(path.join("data/train/red/3.png"), &whole).unwrap();
    run(path, "--resume stopped --threads 2").success().stderr(
        contains("14 training and 5 test images").and(contains(
            "2 training images and 1 test image were left out earlier and stay left out",
        )),
    );
    assert!(last(&path.join("stopped")) == last(&path.join("whole")));
    assert_eq!(history(&path.join("stopped")), history(&path.join("whole")));
}

/// All pictures of a class have good headers and broken pixels.
#[test]
fn a_class_that_runs_out_of_images_is_named_once() {
    let folder = data();
    let path = folder.path();
    for image in 0..8 {
        spoil(&path.join(format!("data/train/red/{image}.png")));
    }
    for image in 0..2 {
        spoil(&path.join(format!("data/val/blue/{image}.png")));
    }
    // Of 64 x 64 pixels one image is enough for batch norm.
    let skip = format!("{SMALL} --bad-images skip --out run").replace("--size 32", "--size 64");
    let assert = run(path, &skip).success();
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert_eq!(message.matches("warning: left out `").count(), 10, "{message}");
    let warning = "warning: class `red` has no training images left";
    assert_eq!(message.matches(warning).count(), 1, "{message}");
    assert_eq!(message.matches("images left").count(), 1, "{message}");
    assert_eq!(images(&path.join("run")), (8, 4));
}

/// A broken link to a picture is a picture that cannot be read.
#[cfg(unix)]
#[test]
fn broken_links_to_images_are_left_out_and_named() {
    use std::os::unix::fs::symlink;
    let folder = data();
    let path = folder.path();
    for name in ["train/red/gone.png", "val/blue/gone.jpg", "train/red/labels.txt"] {
        symlink("/gone/away", path.join("data").join(name)).unwrap();
    }
    refused(
        path,
        SMALL,
        1,
        &["2 of 24 images in `data` cannot be used:", "`--bad-images skip`"],
    );
    run(path, &format!("{SMALL} --bad-images skip --out run"))
        .success()
        .stderr(
            contains("\n  `data/train/red/gone.png`: ")
                .and(contains("\n  `data/val/blue/gone.jpg`: "))
                .and(contains("16 training and 6 test images"))
                .and(contains("left out: 1 text")),
        );
    assert_eq!(
        bad_images(&path.join("run")),
        serde_json::json!({"train": 1, "test": 1})
    );
}

/// Pixels are decoded when their batch comes. An image is named once.
#[test]
fn images_with_bad_pixels_are_left_out_when_they_come() {
    let folder = data();
    let path = folder.path();
    let kept = read(path.join("data/train/blue/5.png"));
    for name in ["data/train/blue/5.png", "data/val/red/1.png"] {
        spoil(&path.join(name));
    }
    let skip = format!("{SMALL} --bad-images skip");
    let assert = run(path, &format!("{skip} --out whole")).success();
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    for name in ["data/train/blue/5.png", "data/val/red/1.png"] {
        let line = format!("warning: left out `{name}`: ");
        assert_eq!(message.matches(&line).count(), 1, "{message}");
    }
    assert!(message.contains("2 images could not be used"), "{message}");
    assert_eq!(images(&path.join("whole")), (15, 5));
    assert_eq!(
        bad_images(&path.join("whole")),
        serde_json::json!({"train": 1, "test": 1})
    );

    for steps in [1, 3, 5] {
        let out = format!("stopped{steps}");
        stop_after(path, &format!("{skip} --save-every 0 --out {out}"), &out, steps);
        run(path, &format!("--resume {out} --threads 2")).success();
        assert!(last(&path.join(&out)) == last(&path.join("whole")), "{steps}");
        assert_eq!(history(&path.join(&out)), history(&path.join("whole")));
        assert_eq!(bad_images(&path.join(&out)), bad_images(&path.join("whole")));
    }

    // A run that ended because of them goes on without them.
    run(path, &format!("{SMALL} --out failed"))
        .code(1)
        .stderr(contains(
            "with `--bad-images skip` the run goes on without the image",
        ));
    run(path, "--resume failed --bad-images skip --threads 2").success();
    let settings = String::from_utf8(read(path.join("failed/settings.toml"))).unwrap();
    assert!(settings.contains("bad-images = \"skip\""), "{settings}");
    assert!(last(&path.join("failed")) == last(&path.join("whole")));
    std::fs::write(path.join("data/train/blue/5.png"), kept).unwrap();
}

/// Images that break while a run is stopped are named once, by the check, and counted. The batches lack them.
#[cfg(unix)]
#[test]
fn images_that_the_check_of_a_resumed_run_finds_are_left_out() {
    let folder = data();
    let path = folder.path();
    // Of 64 x 64 pixels one image is enough for batch norm.
    let skip = format!("{SMALL} --bad-images skip --save-every 0 --epochs 30");
    let skip = skip.replace("--epochs 2 ", "").replace("--size 32", "--size 64");
    stop_after(path, &format!("{skip} --out run"), "run", 1);
    // A whole class, alone in some batches, and test images, which a picture of mistakes may need.
    for image in 0..8 {
        let image = path.join(format!("data/train/red/{image}.png"));
        std::fs::remove_file(&image).unwrap();
        std::os::unix::fs::symlink("gone", &image).unwrap();
    }
    for name in ["val/red/0", "val/blue/1"] {
        std::fs::write(path.join(format!("data/{name}.png")), "").unwrap();
    }
    let assert = run(path, "--resume run --threads 2").success();
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    for (part, count) in [
        ("10 of 22 images in `data` cannot be used and are left out:", 1),
        ("warning: left out `", 0),
        ("class `red` has no training images left", 1),
        ("10 images could not be used", 1),
    ] {
        assert_eq!(message.matches(part).count(), count, "{part}: {message}");
    }
    assert_eq!(images(&path.join("run")), (8, 4));
    assert_eq!(
        bad_images(&path.join("run")),
        serde_json::json!({"train": 8, "test": 2})
    );
    // They are known from now on.
    run(path, "--resume run --threads 2")
        .success()
        .stderr(contains("cannot be used").not());
}

/// No picture for the user's eyes ends a run.
#[cfg(unix)]
#[test]
fn a_finished_run_is_written_again_without_its_test_images() {
    let folder = data();
    let path = folder.path();
    // Weights that learn nothing take one class for the other.
    let line = format!("{SMALL} --lr 1e-30 --bad-images skip --out run");
    run(path, &line).success();
    let drawn = read(path.join("run/mistakes.png"));
    for class in ["red", "blue"] {
        for image in 0..3 {
            std::fs::remove_file(path.join(format!("data/val/{class}/{image}.png"))).unwrap();
            std::os::unix::fs::symlink("gone", path.join(format!("data/val/{class}/{image}.png"))).unwrap();
        }
    }
    for name in ["history.csv", "summary.json", "mistakes.png"] {
        std::fs::remove_file(path.join("run").join(name)).unwrap();
    }
    run(path, "--resume run --threads 2").success();
    assert_eq!(history(&path.join("run")).len(), 3);
    assert!(
        read(path.join("run/mistakes.png")) != drawn,
        "the images are grey"
    );
    assert!(path.join("run/summary.json").is_file());
}

#[test]
fn too_few_images_are_refused() {
    let folder = data();
    let path = folder.path();
    for i in 0..8 {
        std::fs::write(path.join(format!("data/train/red/{i}.png")), "text").unwrap();
    }
    let skip = format!("{SMALL} --bad-images skip");
    refused(
        path,
        &skip,
        1,
        &["no training image in `data` can be used of `red`"],
    );
    let folder = data();
    let path = folder.path();
    for class in ["red", "blue"] {
        for i in 0..3 {
            std::fs::write(path.join(format!("data/val/{class}/{i}.png")), "text").unwrap();
        }
    }
    refused(path, &skip, 1, &["no test image in `data` can be used"]);
}

/// The batch, and with it the learning rate, follows from the images that can be used.
#[test]
fn the_batch_is_no_larger_than_what_can_be_used() {
    let folder = data();
    let path = folder.path();
    std::fs::write(path.join("data/train/red/0.png"), "text").unwrap();
    let skip = SMALL.replace("--batch-size 4", "--batch-size 16 --bad-images skip --out run");
    run(path, &skip).success().stderr(contains(
        "has 15 training images, fewer than a batch of 16: the batch size is 15",
    ));
}

/// Larger images are named before the first step, like other images that cannot be used.
#[test]
fn the_limit_of_pixels_is_a_setting() {
    let folder = data();
    let path = folder.path();
    image::RgbImage::new(200, 50)
        .save(path.join("data/train/red/3.png"))
        .unwrap();
    let limit = format!("{SMALL} --max-pixels 9999");
    let message =
        "200 x 50 pixels (10000 pixels), expected at most 9999 pixels; `--max-pixels` sets the limit";
    refused(path, &limit, 1, &["1 of 22 images", message]);
    run(path, &format!("{SMALL} --max-pixels 10000 --out run")).success();
}
