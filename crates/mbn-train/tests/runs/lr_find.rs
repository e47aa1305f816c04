//! `--lr-find`: short trainings at several learning rates.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::{data, pictures, read, run, spoil};
use predicates::prelude::*;
use predicates::str::{contains, is_match};

/// A run of 20 steps: no trial is shorter.
const SMALL: &str =
    "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 10 --recipe plain --threads 2 --lr-find";

/// The losses of each rate, which is its text in the file.
fn losses(run: &Path) -> BTreeMap<String, Vec<f64>> {
    let text = String::from_utf8(read(run.join("rates.csv"))).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("learning_rate,step,loss"));
    let mut losses = BTreeMap::<_, Vec<f64>>::new();
    for line in lines {
        let [rate, step, loss] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let of_rate = losses.entry(rate.to_owned()).or_default();
        of_rate.push(loss.parse().unwrap());
        assert_eq!(step, of_rate.len().to_string());
    }
    losses
}

#[test]
fn the_suggestion_is_a_rate_that_was_tried_and_lowers_the_loss() {
    let folder = data();
    let path = folder.path();
    let assert = run(path, SMALL)
        .success()
        .stdout(is_match(r"^[0-9.]+\n$").unwrap())
        .stderr(contains("| initial weights |").and(contains("|          0.0125 |")))
        .stderr(contains(
            "is the highest whose loss is within noise of the lowest",
        ))
        .stderr(contains(
            "Suggested: `mbn-train --config runs/data_0.25_rates/settings.toml --lr ",
        ))
        .stderr(contains("train loss").not());
    let rate = String::from_utf8_lossy(&assert.get_output().stdout)
        .trim()
        .to_owned();
    let folder = path.join("runs/data_0.25_rates");
    let losses = losses(&folder);
    // The usual rate, which is 0.0125 for batches of 8, and some beside it.
    assert!(losses.len() >= 3 && losses.contains_key("0.0125"), "{losses:?}");
    let suggested = &losses[&rate];
    let end = |losses: &[f64]| losses[15..].iter().sum::<f64>() / 5.0;
    assert!(
        suggested.len() == 20 && end(suggested) < 0.5 * suggested[0],
        "{suggested:?}"
    );
    // Every rate begins with the same weights and the same batch.
    assert!(losses.values().all(|losses| losses[0] == suggested[0]));
    assert!(losses.values().flatten().all(|loss| loss.is_finite()));

    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(
        files,
        ["augmented.png", "rates.csv", "rates.png", "settings.toml"]
    );
    let picture = image::load_from_memory(&read(folder.join("rates.png"))).unwrap();
    assert_eq!((picture.width(), picture.height()), (1600, 640));
    assert!(!path.join("models").exists());

    // Another search writes elsewhere, and finds the same for a rate that they have in common, whatever was tried before it. A run
    // may take the settings.
    run(path, &format!("{SMALL} --lr {rate} --ema 0.9")).success();
    assert_eq!(
        self::losses(&path.join("runs/data_0.25_rates_2"))[&rate],
        *suggested
    );
    let found = read(folder.join("rates.csv"));
    self::run(path, &format!("{SMALL} --lr 0.3 --out runs/data_0.25_rates"))
        .code(1)
        .stderr(contains(
            "`runs/data_0.25_rates` holds no run that can be resumed, but has `rates.csv` and `rates.png` already, named as those that a \
             search writes",
        ));
    assert!(read(folder.join("rates.csv")) == found);
    let line = format!(
        "--config runs/data_0.25_rates/settings.toml --lr {rate} --epochs 1 --no-publish --out runs/trained"
    );
    run(path, &line).success().stderr(contains("train loss"));
    run(path, &format!("{SMALL} --out runs/trained"))
        .code(1)
        .stderr(contains("`runs/trained` already holds a run"));
}

/// The folder of a search becomes that of the run that follows it, and keeps the rates.
#[test]
fn a_run_may_follow_in_the_same_folder() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --out both")).success();
    let rates = ["rates.csv", "rates.png"].map(|name| read(path.join("both").join(name)));
    std::fs::write(path.join("both/curves.png"), "mine").unwrap();
    let line = SMALL
        .replace("--epochs 10", "--epochs 1")
        .replace("--lr-find", "--lr 0.01 --no-publish --out both");
    run(path, &line).code(1).stderr(contains(
        "has `settings.toml`, `curves.png` and `augmented.png` already",
    ));
    std::fs::remove_file(path.join("both/curves.png")).unwrap();
    run(path, &line).success().stderr(contains("train loss"));
    assert!(rates == ["rates.csv", "rates.png"].map(|name| read(path.join("both").join(name))));
    let settings = String::from_utf8(read(path.join("both/settings.toml"))).unwrap();
    assert!(settings.contains("lr = 0.01\n"), "{settings}");
    run(path, "--resume both").success();
    for more in ["", " --lr-find"] {
        run(path, &format!("{line}{more}")).code(1);
    }
}

/// The search names a command with its own settings, and that command takes its folder.
#[test]
fn the_suggested_command_may_name_the_folder_of_the_search() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --out both")).success();
    let line = "--config both/settings.toml --epochs 1 --lr 0.01 --threads 2 --no-publish --out both";
    run(
        path,
        &format!("{line} --publish both/settings.toml").replace("--no-publish ", ""),
    )
    .failure();
    run(path, line).success();
    let settings = String::from_utf8(read(path.join("both/settings.toml"))).unwrap();
    assert!(
        settings.contains("lr = 0.01\n") && settings.contains("epochs = 1\n"),
        "{settings}"
    );
    // Now it is a run's.
    run(path, line)
        .code(2)
        .stderr(contains("is the file that is read"));
}

/// The rate must suit the images of the last epochs too.
#[test]
fn images_do_not_grow_in_a_search() {
    let folder = data();
    let path = folder.path();
    let line = SMALL.replace("--size 32 --batch-size 8", "--size 40 --batch-size 4");
    run(path, &format!("{line} --out whole"))
        .success()
        .stderr(contains("`--progressive`").not());
    run(path, &format!("{line} --progressive 32 --out growing"))
        .success()
        .stderr(contains(
            "The search trains at 40 pixels throughout, the size to which `--progressive` grows",
        ));
    assert_eq!(losses(&path.join("whole")), losses(&path.join("growing")));
}

#[test]
fn nothing_is_suggested_if_nothing_is_learned() {
    let folder = data();
    let path = folder.path();
    for class in ["one", "two"] {
        pictures(&path.join("same"), "train", class, [20, 90, 150], 8);
        pictures(&path.join("same"), "val", class, [20, 90, 150], 1);
    }
    // However long the run is, a trial is short.
    let line = SMALL
        .replace("--data data", "--data same")
        .replace("--batch-size 8", "--batch-size 4")
        .replace("--epochs 10", &format!("--epochs {}", i64::MAX));
    run(path, &format!("{line} --lr 1e-12 --out none"))
        .code(1)
        .stdout("")
        .stderr(
            contains("the loss falls at no learning rate around")
                .and(contains("hint: see in `none/augmented.png`")),
        );
    assert!(path.join("none/rates.png").exists());
}

/// There is nothing to resume: the hint names a command that works.
#[test]
fn an_image_with_broken_pixels_ends_a_search_that_starts_again() {
    let folder = data();
    let path = folder.path();
    let picture = path.join("data/train/blue/5.png");
    let good = read(&picture);
    spoil(&picture);
    run(path, &format!("{SMALL} --out search")).code(1).stderr(
        contains("image `data/train/blue/5.png` cannot be used")
            .and(contains(
                "put an image that can be read in its place, and run the same command again",
            ))
            .and(contains("--resume").not()),
    );
    // Without a name the next search takes the folder that this one left, too.
    for _ in 0..2 {
        run(path, SMALL).code(1);
    }
    std::fs::write(&picture, good).unwrap();
    run(path, &format!("{SMALL} --out search")).success();
    run(path, SMALL).success();
    assert_eq!(path.join("runs").read_dir().unwrap().count(), 1);
    assert!(path.join("runs/data_0.25_rates/rates.csv").is_file());
}

#[test]
fn a_search_is_no_run() {
    let folder = data();
    for option in [
        "--resume x",
        "--download",
        "--profile",
        "--publish w.safetensors",
        "--distributed mpi",
    ] {
        run(folder.path(), &format!("{SMALL} {option}"))
            .code(2)
            .stderr(contains("cannot be used with"));
    }
}
