//! Images that break while a run trains.

use mbn_cli::message;
use mbn_data::shuffled;

use super::*;
use crate::run::{AUGMENTED, BEST, LAST, RunDir};

/// A new run in `out`.
fn started(folder: &Path, out: &str, more: &str) -> Trainer {
    let options = options(folder, out, &format!("--batch-size 4 {more}"));
    let trainer = Trainer::start(&options, &Device::Cpu, &Rc::new(Ranks::alone()));
    trainer.unwrap().unwrap()
}

fn resumed(folder: &Path, out: &str) -> Trainer {
    let run = folder.join(out);
    let line = ["mbn-train", "--device", "cpu", "--resume", run.to_str().unwrap()];
    let options = Options::try_parse_from(line).unwrap();
    let run = RunDir::open(&run).unwrap();
    Trainer::resume(run, &options, &Device::Cpu, &Rc::new(Ranks::alone())).unwrap()
}

/// The file of a run, and its history but for the speed.
fn results(trainer: &Trainer, name: &str) -> (Vec<u8>, Vec<[f64; 4]>) {
    let rows = trainer.progress.history.iter();
    let rows = rows.map(|row| {
        [
            row.train_loss,
            row.train_accuracy,
            row.test_loss,
            row.test_accuracy,
        ]
    });
    (std::fs::read(trainer.run.file(name)).unwrap(), rows.collect())
}

/// Nothing that the run has done is lost, though it saves only every ten minutes.
#[test]
fn the_steps_before_a_broken_image_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let more = "--optimizer adamw --ema 0.9";
    let mut whole = started(path, "whole", more);
    whole.train().unwrap();

    // An image of the last batch of the first epoch, and one of the test images.
    let mut trainer = started(path, "run", more);
    trainer.meter = Meter::every(STEPS_BETWEEN_READINGS);
    let order = shuffled(trainer.progress.settings.seed, 0, trainer.data.train.len());
    let train = trainer.data.train.path(order[13]).to_owned();
    let test = trainer.data.test.path(1).to_owned();
    for (image, step) in [(train, 3), (test, 4)] {
        let good = std::fs::read(&image).unwrap();
        std::fs::remove_file(&image).unwrap();
        let error = message(&trainer.train().unwrap_err());
        assert!(
            error.contains(&image.display().to_string()) && error.contains("hint: put an image"),
            "{error}"
        );
        let state = State::load(&trainer.run.file(STATE), &Device::Cpu).unwrap();
        let position = state.progress.position;
        assert_eq!((position.step, state.progress.steps as usize), (step, step));
        assert_eq!(position.seen, 4 * step);
        drop(trainer);
        std::fs::write(&image, good).unwrap();
        trainer = resumed(path, "run");
    }
    trainer.train().unwrap();
    for name in [LAST, BEST] {
        assert!(results(&trainer, name) == results(&whole, name), "{name}");
    }
}

/// The picture of the mistakes needs the files of images that the test has in memory.
#[test]
fn a_picture_of_mistakes_without_its_images_ends_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    // Weights that learn nothing take one class for the other.
    let mut trainer = started(path, "run", "--lr 1e-30");
    assert!(trainer.train_epoch().unwrap() && trainer.finish_epoch().unwrap());
    assert!(!trainer.progress.mistakes.is_empty());
    let drawn = std::fs::read(trainer.run.file("mistakes.png")).unwrap();
    std::fs::remove_dir_all(path.join("data/val")).unwrap();
    // The next epoch is the best.
    trainer.progress.history[0].test_accuracy = -1.0;
    trainer.train().unwrap();
    assert_eq!(trainer.progress.best().unwrap().epoch, 2);
    assert!(std::fs::read(trainer.run.file("mistakes.png")).unwrap() != drawn);
    let history = std::fs::read_to_string(trainer.run.file("history.csv")).unwrap();
    assert_eq!(history.lines().count(), 3);
}

/// Nor does that of the first batch, which a resumed run may not need.
#[test]
fn a_picture_of_the_first_batch_without_its_images_ends_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let trainer = started(path, "run", "--bad-images skip");
    let augmented = trainer.run.file(AUGMENTED);
    assert!(augmented.is_file());
    std::fs::remove_file(&augmented).unwrap();
    std::fs::remove_dir_all(path.join("data/train")).unwrap();
    crate::run::write_augmented(&trainer.run, &trainer.progress, &trainer.train_loader).unwrap();
}

/// Each batch is one image, so that a missing file is all of it.
#[test]
fn a_missing_image_that_is_a_batch_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let options = options(path, "run", "--batch-size 1 --size 64 --bad-images skip");
    let trainer = Trainer::start(&options, &Device::Cpu, &Rc::new(Ranks::alone()));
    let mut trainer = trainer.unwrap().unwrap();
    std::fs::remove_file(path.join("data/train/red/5.png")).unwrap();
    std::fs::remove_file(path.join("data/val/red/1.png")).unwrap();
    assert!(trainer.train_epoch().unwrap() && trainer.finish_epoch().unwrap());
    let broken = &trainer.progress.broken;
    assert_eq!((broken.train.len(), broken.test.len()), (1, 1));
}
