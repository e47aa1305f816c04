//! The sizes of training and test images, and the report of several runs.

use crate::common::{data, history, read, run};
use mbn_spec::Resize;
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1 --no-publish";

#[test]
fn training_and_test_images_may_differ_in_size() {
    let folder = data();
    let path = folder.path();
    let line = SMALL.replace("--size 32", "--size 64 --train-size 32");
    run(path, &format!("{line} --out small"))
        .success()
        .stderr(contains("images/s at 32"));
    let weights = Weights::from_bytes(&read(path.join("small/best.safetensors"))).unwrap();
    assert_eq!(weights.metadata().preprocess.unwrap().size, 64);
    run(path, "report small").success().stdout(contains(" at 32 "));
    // The size matters, and it is saved with the settings.
    let whole = SMALL.replace("--size 32", "--size 64");
    run(path, &format!("{whole} --out whole")).success();
    run(path, "--config small/settings.toml --no-publish --out again").success();
    let last = |run: &str| read(path.join(run).join("last.safetensors"));
    assert!(last("small") != last("whole"));
    assert!(last("small") == last("again"));
}

/// If training crops at random, `--resize` affects only test images, so the tensors stay the same.
#[test]
fn test_images_may_be_cut_from_the_centre() {
    let folder = data();
    let path = folder.path();
    let weights = |run: &str| Weights::from_bytes(&read(path.join(run).join("last.safetensors"))).unwrap();
    // After a few steps from random weights, the network would not tell images apart.
    let trained = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/mobilenet_v1_0.25.safetensors"
    );
    std::fs::copy(trained, path.join("trained.safetensors")).unwrap();
    let line = format!("{SMALL} --init trained.safetensors --out");
    run(path, &format!("{line} square")).success();
    run(path, &format!("{line} crop --resize crop")).success();
    let (square, crop) = (weights("square"), weights("crop"));
    let resize = |weights: &Weights| weights.metadata().preprocess.unwrap().resize;
    assert_eq!((resize(&square), resize(&crop)), (Resize::Square, Resize::Crop));
    assert_eq!(square.sha256(), crop.sha256());
    let tested = |run: &str| history(&path.join(run))[1].split(',').nth(3).unwrap().to_owned();
    assert_ne!(tested("square"), tested("crop"));
    // Without `--resize`, the weights that the run starts from decide.
    let init = "--init crop/best.safetensors --out";
    run(path, &format!("{SMALL} {init} again")).success();
    assert_eq!(resize(&weights("again")), Resize::Crop);
    run(path, &format!("{SMALL} {init} back --resize square")).success();
    assert_eq!(resize(&weights("back")), Resize::Square);
}

#[test]
fn a_report_has_a_row_for_each_run() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --out one")).success();
    let two = SMALL
        .replace("--epochs 1", "--epochs 2")
        .replace("--size 32", "--size 64 --progressive 32");
    run(path, &format!("{two} --out two"))
        .success()
        .stderr(contains("images/s at 32").and(contains("images/s at 64")));
    let output = run(path, "report one two").success().get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| {
            line.split('|')
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(
        rows[0],
        [
            "Run",
            "Data set",
            "Model",
            "Test accuracy (%)",
            "Parameters",
            "Multiply-adds",
            "Epochs",
            "Images/s"
        ]
    );
    assert_eq!(
        (rows[2][0], rows[2][1], rows[2][2], rows[2][4], rows[2][6]),
        ("one", "data", "0.25 MobileNet-32", "213,586", "1")
    );
    assert_eq!(
        (rows[3][0], rows[3][2], rows[3][6]),
        ("two", "0.25 MobileNet-64", "2")
    );
    assert!(
        rows[3][7].contains("at 32, ") && rows[3][7].ends_with("at 64"),
        "{text}"
    );
    // The folders tell runs of the same name apart.
    run(path, &format!("{SMALL} --out below/one")).success();
    run(path, "report one below/one two")
        .success()
        .stdout(contains("| one ").and(contains("| below/one ").and(contains("| two "))));
    // A folder that is not a run is reported and skipped, quiet or not.
    run(path, "report one data two --quiet")
        .code(1)
        .stdout(text)
        .stderr(contains("`data` holds no run"));
    run(path, "report data")
        .code(1)
        .stdout("")
        .stderr(contains("`data` holds no run"));
    run(path, "report").code(2);
}
