//! How well a teacher sees what it teaches from.

use crate::common::{read, run};
use crate::teachers::hand_made;
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 4 --epochs 1 --no-publish";

/// The teacher tells stripes of single pixels from grey at its own size. The student's images, half as large, show none.
#[test]
fn the_teacher_is_tested_on_what_it_teaches_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (split, count) in [("train", 4), ("val", 2)] {
        for class in ["plain", "stripes"] {
            let images = path.join("data").join(split).join(class);
            std::fs::create_dir_all(&images).unwrap();
            for i in 0..count {
                let contrast = 60 + 10 * i + if split == "val" { 5 } else { 0 };
                let image = image::RgbImage::from_fn(64, 64, |x, y| {
                    let sign = if x % 2 == 0 { 1 } else { -1 };
                    let value = match class {
                        "stripes" => 128 + sign * contrast,
                        // No two pictures are the same.
                        _ => 128 + i32::from(y == 0) * contrast / 10,
                    };
                    image::Rgb([value as u8; 3])
                });
                image.save(images.join(format!("{i}.png"))).unwrap();
            }
        }
    }
    // The second difference along a row, either way: the steps of two pixels see stripes always in the same phase.
    let filters = [
        (0, 1, 3, -1.0),
        (0, 1, 4, 2.0),
        (0, 1, 5, -1.0),
        (1, 1, 3, 1.0),
        (1, 1, 4, -2.0),
        (1, 1, 5, 1.0),
    ];
    let weights = hand_made(&["plain", "stripes"], &filters, [[0.0; 2], [8.0; 2]], [2.0, 0.0]);
    weights.save(&path.join("t.safetensors")).unwrap();
    let both = "which is right about 100.00 % of the test images, and about 50.00 % of them as it sees them in training, from images \
                of 32 x 32; its share";
    run(path, &format!("{SMALL} --teacher t.safetensors --out small"))
        .success()
        .stderr(contains(both).and(contains(
            "warning: the teacher is right about 100.00 % of the test images at its own size, but about 50.00 % of them from the \
             student's images of 32 x 32, and it teaches what it sees in these\nhint: train on larger images",
        )));
    let distilled = |out: &str| {
        let last = Weights::load(&path.join(out).join("last.safetensors")).unwrap();
        last.metadata().training.clone().unwrap().distilled.unwrap()
    };
    assert_eq!(distilled("small").teacher_accuracy, Some(50.0));
    let summary: serde_json::Value = serde_json::from_slice(&read(path.join("small/summary.json"))).unwrap();
    let teacher = &summary["teacher"];
    assert_eq!(
        (
            teacher["accuracy"].as_f64(),
            teacher["accuracy_in_training"].as_f64()
        ),
        (Some(100.0), Some(50.0))
    );
    // At its own size there is one accuracy. The last size counts, and the size of training, not of tests.
    for (sizes, out) in [
        ("--size 64", "same"),
        ("--size 64 --progressive 32 --epochs 2", "growing"),
        ("--size 32 --train-size 64", "larger"),
    ] {
        let line = SMALL.replace("--size 32", sizes);
        let line = match sizes.contains("--epochs") {
            true => line.replace(" --epochs 1", ""),
            false => line,
        };
        run(path, &format!("{line} --teacher t.safetensors --out {out}"))
            .success()
            .stderr(contains(
                "which is right about 100.00 % of the test images; its share",
            ));
        assert_eq!(distilled(out).teacher_accuracy, Some(100.0));
    }
}
