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
    let options = options_to_resume(folder, out);
    let run = RunDir::open(&folder.join(out)).unwrap();
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

/// All epochs are of the same images, and those are what the summary counts.
#[test]
fn an_image_that_was_left_out_once_stays_out_when_it_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    // What is in the picture of the first batch is in memory already.
    let probe = started(path, "probe", "--seed 0");
    let order = shuffled(probe.progress.settings.seed, 0, probe.data.train.len());
    let images = [probe.data.train.path(order[13]), probe.data.test.path(1)].map(Path::to_owned);
    drop(probe);
    let good = images.each_ref().map(|image| std::fs::read(image).unwrap());
    let spoil = || images.iter().for_each(|image| std::fs::write(image, "").unwrap());
    let mend = || {
        for (image, good) in images.iter().zip(&good) {
            std::fs::write(image, good).unwrap();
        }
    };
    let epoch = |trainer: &mut Trainer| {
        assert!(trainer.train_epoch().unwrap());
        let seen = trainer.progress.position.seen;
        trainer
            .progress
            .history
            .iter_mut()
            .for_each(|row| row.test_accuracy = -1.0);
        assert!(trainer.finish_epoch().unwrap());
        (seen, trainer.best.as_ref().unwrap().confusion.images())
    };
    // Found by the check of a resumed run.
    drop(started(path, "stopped", "--bad-images skip"));
    spoil();
    drop(resumed(path, "stopped"));
    mend();
    let mut trainer = resumed(path, "stopped");
    assert_eq!([epoch(&mut trainer), epoch(&mut trainer)], [(15, 3); 2]);
    let known = trainer.progress.unusable();
    assert_eq!((known.train.len(), known.test.len()), (1, 1));

    // Found when they came, in the same process and after it.
    let mut trainer = started(path, "run", "--bad-images skip");
    spoil();
    assert_eq!(epoch(&mut trainer), (15, 3));
    mend();
    drop(trainer);
    let mut trainer = resumed(path, "run");
    assert_eq!(epoch(&mut trainer), (15, 3));
    let mut trainer = started(path, "one", "--bad-images skip");
    spoil();
    assert_eq!(epoch(&mut trainer), (15, 3));
    mend();
    assert_eq!(epoch(&mut trainer), (15, 3));
}

/// Two values per channel become +1 and -1, whatever they were.
#[test]
fn a_batch_of_too_few_values_is_left_out() {
    for (more, seen, short) in [
        ("--batch-size 4 --size 32", 12, 1),
        // Four values of each image.
        ("--batch-size 4 --size 64", 14, 0),
        ("--batch-size 8 --size 32", 14, 0),
        ("--batch-size 4 --size 64 --progressive 32", 12, 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        pictures(path);
        let options = options(path, "run", &format!("{more} --bad-images skip"));
        let trainer = Trainer::start(&options, &Device::Cpu, &Rc::new(Ranks::alone()));
        let mut trainer = trainer.unwrap().unwrap();
        let order = shuffled(trainer.progress.settings.seed, 0, trainer.data.train.len());
        for image in &order[14..] {
            std::fs::write(trainer.data.train.path(*image), "").unwrap();
        }
        assert!(trainer.train_epoch().unwrap());
        let progress = &trainer.progress;
        assert_eq!(
            (progress.position.seen, progress.short_steps),
            (seen, short),
            "{more}"
        );
        assert_eq!(progress.broken.train.len(), 2);
    }
}

/// Batch norm that is fixed learns nothing.
#[test]
fn a_batch_of_few_images_trains_a_classifier() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    drop(started(path, "first", "--seed 0"));
    let weights = State::load(&path.join("first").join(STATE), &Device::Cpu)
        .unwrap()
        .weights;
    let init = path.join("init.safetensors");
    weights.save(&init).unwrap();
    let more = format!("--init {} --freeze all --bad-images skip", init.display());
    let mut trainer = started(path, "run", &more);
    let order = shuffled(trainer.progress.settings.seed, 0, trainer.data.train.len());
    for image in &order[13..] {
        std::fs::write(trainer.data.train.path(*image), "").unwrap();
    }
    assert!(trainer.train_epoch().unwrap());
    assert_eq!(
        (trainer.progress.position.seen, trainer.progress.short_steps),
        (13, 0)
    );
}

#[test]
fn an_epoch_of_batches_of_too_few_values_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let probe = started(path, "probe", "--seed 0");
    let order = shuffled(probe.progress.settings.seed, 0, probe.data.train.len());
    for images in order.chunks(4) {
        for image in &images[..2] {
            // The header stays good.
            let file = probe.data.train.path(*image);
            let mut bytes = std::fs::read(file).unwrap();
            let at = bytes.windows(4).position(|part| part == b"IDAT").unwrap() + 8;
            bytes[at] ^= 0xff;
            std::fs::write(file, bytes).unwrap();
        }
    }
    let mut trainer = started(path, "run", "--bad-images skip");
    let error = message(&trainer.train().unwrap_err());
    assert!(
        error.contains("no step of the epoch had enough images")
            && error.contains("hint: replace the images"),
        "{error}"
    );
}
