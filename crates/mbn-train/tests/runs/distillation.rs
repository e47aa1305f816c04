//! `--teacher`: a network that the run learns from.

use std::path::Path;

use crate::common::{LONG, assert_same, data, history, read, refused, run, spoil, uninterrupted};
use crate::teachers::{teacher, teacher_of_colours};
use mbn_spec::{Alpha, Metadata};
use mbn_weights::Weights;
use predicates::prelude::*;
use predicates::str::contains;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1 --no-publish";

fn settings(run: &Path) -> toml::Table {
    let text = String::from_utf8(read(run.join("settings.toml"))).unwrap();
    text.parse().unwrap()
}

/// The accuracy on the training images in the last epoch, in per cent.
fn train_accuracy(run: &Path) -> f64 {
    let rows = history(run);
    rows.last().unwrap().split(',').nth(2).unwrap().parse().unwrap()
}

#[test]
fn teachers_that_cannot_teach_are_refused() {
    let folder = data();
    let path = folder.path();
    let save = |weights: &Weights| weights.save(&path.join("t.safetensors")).unwrap();
    let with = |more: &str| format!("{SMALL} {more}");
    std::fs::write(path.join("bad.safetensors"), "not weights").unwrap();
    refused(
        path,
        &with("--teacher bad.safetensors"),
        1,
        &["`bad.safetensors`"],
    );
    refused(path, &with("--teacher no.safetensors"), 1, &["`no.safetensors`"]);
    refused(
        path,
        &with("--teacher data"),
        1,
        &["`data` is a folder, expected a weight file"],
    );
    save(&teacher(&["blue", "green", "red"], 1));
    refused(
        path,
        &with("--teacher t.safetensors"),
        1,
        &[
            "`--teacher t.safetensors` is for other classes than the data: it has 3 classes, expected 2; it has besides `green`",
            "hint: a teacher is trained on the classes of the data: `mbn-train --data DIR --init t.safetensors --out RUN`",
        ],
    );
    save(&teacher(&["blue", "rot"], 1));
    refused(
        path,
        &with("--teacher t.safetensors"),
        1,
        &["it lacks `red`; it has besides `rot`"],
    );

    // The data follows the header and the eight bytes of its length.
    let mut bytes = teacher(&["blue", "red"], 1).to_bytes().unwrap();
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let (start, _) = metadata.info("fc.weight").unwrap().data_offsets;
    bytes[8 + header + start..][..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    std::fs::write(path.join("bad.safetensors"), bytes).unwrap();
    let messages =
        ["`--teacher bad.safetensors` cannot be used: `fc.weight` holds inf, expected finite numbers"];
    refused(path, &with("--teacher bad.safetensors"), 1, &messages);

    for option in ["--distill-weight 0.5", "--temperature 2"] {
        let name = option.split(' ').next().unwrap();
        let message = format!("`{name}` is for `--teacher`, which is not given");
        refused(path, &with(option), 2, &[&message]);
    }
    save(&teacher(&["blue", "red"], 1));
    for (option, message) in [
        ("--distill-weight 1.5", "1.5 is not a probability from 0 to 1"),
        ("--temperature 0", "0 is not a number from 0.01 to 1000"),
        ("--temperature 1e25", "is not a number from 0.01 to 1000"),
    ] {
        refused(
            path,
            &with(&format!("--teacher t.safetensors {option}")),
            2,
            &[message],
        );
    }
}

/// The student's labels are all wrong: what it knows in the end it has from its teacher, whose classes have another order.
#[test]
fn a_student_learns_what_its_labels_do_not_say() {
    let folder = data();
    let path = folder.path();
    let weights = teacher_of_colours();
    let order = |classes: [&str; 2]| {
        let metadata = Metadata {
            classes: Some(classes.map(str::to_owned).to_vec()),
            ..weights.metadata().clone()
        };
        weights.clone().with_metadata(metadata).unwrap()
    };
    order(["blue", "red"])
        .save(&path.join("right.safetensors"))
        .unwrap();
    order(["Red", "Blue"])
        .save(&path.join("wrong.safetensors"))
        .unwrap();
    let student = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 10 --recipe plain --optimizer adamw --lr 0.004 \
         --no-publish --distill-weight 1 --temperature 2";
    for (name, accuracy) in [("right", 100.0), ("wrong", 0.0)] {
        run(path, &format!("{student} --teacher {name}.safetensors --out {name}"))
            .success()
            .stderr(contains(format!(
                "Teacher: `{name}.safetensors`, MobileNetV1 0.5 at 64 x 64, which is right about {accuracy:.2} % of the test images, and about \
                 {accuracy:.2} % of them as it sees them in training, from images of 32 x 32; its share of the loss is 1, at a temperature of 2\n"
            )))
            .stderr(contains("Teacher:").count(1))
            .stderr(contains("it teaches what it sees").not());
        let last = Weights::load(&path.join(name).join("last.safetensors")).unwrap();
        let training = last.metadata().training.clone().unwrap();
        // The training accuracy, because running statistics follow the weights too slowly for so short a run.
        let learned = train_accuracy(&path.join(name));
        assert!((learned - accuracy).abs() < 30.0, "{name}: {learned} %");
        let distilled = training.distilled.unwrap();
        assert_eq!(
            (distilled.teacher, distilled.teacher_sha256),
            (None, weights.sha256())
        );
        assert_eq!(
            (distilled.teacher_alpha, distilled.teacher_size),
            (Alpha::Half, 64)
        );
        assert_eq!(distilled.teacher_accuracy, Some(accuracy));
        assert_eq!((distilled.weight, distilled.temperature), (1.0, 2.0));
    }
}

#[test]
fn defaults_are_saved_with_the_run_and_a_run_without_a_teacher_says_nothing() {
    let folder = data();
    let path = folder.path();
    teacher(&["red", "blue"], 1)
        .save(&path.join("t.safetensors"))
        .unwrap();
    run(
        path,
        &format!("{SMALL} --teacher t.safetensors --precision bf16 --out run"),
    )
    .success();
    let saved = settings(&path.join("run"));
    assert_eq!(saved["teacher"].as_str(), Some("t.safetensors"));
    assert_eq!(
        (
            saved["distill-weight"].as_float(),
            saved["temperature"].as_float()
        ),
        (Some(0.9), Some(4.0))
    );
    run(path, &format!("{SMALL} --out alone"))
        .success()
        .stderr(contains("Teacher").not());
    let saved = settings(&path.join("alone"));
    assert!(
        ["teacher", "distill-weight", "temperature"]
            .iter()
            .all(|key| !saved.contains_key(*key))
    );
    let last = Weights::load(&path.join("alone/last.safetensors")).unwrap();
    assert_eq!(last.metadata().training.as_ref().unwrap().distilled, None);
    // A resumed run keeps its settings: it takes no teacher either.
    run(path, "--resume alone --teacher t.safetensors")
        .code(1)
        .stderr(
        contains(
            "`--teacher` does not go with `--resume` here, because the run was started without a teacher",
        )
        .and(contains(
            "`mbn-train --config alone/settings.toml --init alone/best.safetensors --teacher t.safetensors`",
        )),
    );
    // A teacher without a share changes nothing about the weights.
    run(
        path,
        &format!("{SMALL} --teacher t.safetensors --distill-weight 0 --out none"),
    )
    .success();
    let none = Weights::load(&path.join("none/last.safetensors")).unwrap();
    assert_eq!(none.sha256(), last.sha256());
}

/// With everything else that a run may have: mixing, growing images, a moving average, classes of different weights.
#[test]
fn a_run_resumes_with_the_same_teacher() {
    let folder = data();
    let path = folder.path();
    let weights = teacher(&["blue", "red"], 1);
    weights.save(&path.join("t.safetensors")).unwrap();
    std::fs::remove_file(path.join("data/train/red/0.png")).unwrap();
    let more = "--teacher t.safetensors --class-weights balanced";
    let whole = uninterrupted(path, more);
    // The run ends at an image that cannot be used, and resumes once it is replaced.
    let image = path.join("data/train/blue/5.png");
    let good = read(&image);
    spoil(&image);
    run(path, &format!("{LONG} {more} --save-every 0 --out stopped"))
        .code(1)
        .stderr(contains("`data/train/blue/5.png` cannot be used"));
    std::fs::write(&image, good).unwrap();

    teacher(&["blue", "red"], 2)
        .save(&path.join("t.safetensors"))
        .unwrap();
    run(path, "--resume stopped --threads 2").code(1).stderr(
        contains("the teacher `t.safetensors` holds other weights than the run was started with")
            .and(contains(weights.sha256()))
            .and(contains("give its place with `--teacher WEIGHTS`")),
    );
    std::fs::remove_file(path.join("t.safetensors")).unwrap();
    run(path, "--resume stopped --threads 2")
        .code(1)
        .stderr(contains("`t.safetensors`").and(contains("give its place with `--teacher WEIGHTS`")));
    teacher(&["blue", "red"], 3)
        .save(&path.join("other.safetensors"))
        .unwrap();
    run(path, "--resume stopped --threads 2 --teacher other.safetensors")
        .code(1)
        .stderr(
            contains("the teacher `other.safetensors` holds other weights").and(contains(
                "`--teacher` names the weights that the run was started with",
            )),
        );
    weights.save(&path.join("moved.safetensors")).unwrap();
    run(path, "--resume stopped --threads 2 --teacher moved.safetensors")
        .success()
        .stderr(contains("Teacher: `moved.safetensors`"));
    assert_same(&whole, &path.join("stopped"));
    assert_eq!(
        settings(&path.join("stopped"))["teacher"].as_str(),
        Some("moved.safetensors")
    );
    // A finished run needs its teacher no more, but takes no other.
    let saved = settings(&path.join("stopped"));
    teacher(&["blue", "red"], 2)
        .save(&path.join("other.safetensors"))
        .unwrap();
    for (name, message) in [
        ("gone.safetensors", "`gone.safetensors`"),
        ("other.safetensors", "holds other weights"),
    ] {
        run(path, &format!("--resume stopped --teacher {name}"))
            .code(1)
            .stderr(contains(message).and(contains("give its place").not()));
        assert_eq!(settings(&path.join("stopped")), saved);
    }
    std::fs::copy(path.join("moved.safetensors"), path.join("again.safetensors")).unwrap();
    run(path, "--resume stopped --teacher again.safetensors").success();
    assert_eq!(
        settings(&path.join("stopped"))["teacher"].as_str(),
        Some("again.safetensors")
    );
    std::fs::remove_file(path.join("again.safetensors")).unwrap();
    std::fs::remove_file(path.join("moved.safetensors")).unwrap();
    let rows = history(&path.join("stopped"));
    run(path, "--resume stopped").success();
    assert_eq!(history(&path.join("stopped")), rows);
    run(path, "--resume whole --temperature 3")
        .code(2)
        .stderr(contains("`--temperature` does not go with `--resume`"));
}

/// Images that cannot be used are found when the teacher is tested, and are reported once.
#[test]
fn images_that_the_teacher_cannot_see_are_left_out() {
    let folder = data();
    let path = folder.path();
    spoil(&path.join("data/val/red/1.png"));
    teacher(&["blue", "red"], 1)
        .save(&path.join("t.safetensors"))
        .unwrap();
    run(
        path,
        &format!("{SMALL} --teacher t.safetensors --bad-images skip --out run"),
    )
    .success()
    .stderr(contains("left out `data/val/red/1.png`").count(1));
}
