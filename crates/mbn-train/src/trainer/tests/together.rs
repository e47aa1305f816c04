//! Runs of several ranks, which are threads here.

use std::collections::BTreeMap;

use mbn_cli::{Outcome, message};
use mbn_model::random_weights;
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess};
use mbn_weights::Weights;

use super::*;
use crate::ranks::tests::on_ranks;
use crate::run::LAST;
use crate::start_together;

/// Trains on so many ranks.
fn train(ranks: usize, options: &Options) -> Vec<anyhow::Result<Outcome>> {
    on_ranks(ranks, |ranks| {
        let ranks = Rc::new(ranks);
        let trainer = start_together(options, &Device::Cpu, &ranks)?;
        let mut trainer = trainer.unwrap();
        let outcome = trainer.train()?;
        trainer.finish()?;
        Ok(outcome)
    })
}

/// The trainer of a rank, and the rank.
fn joined(options: &Options, rank: Ranks) -> (Trainer, Rc<Ranks>) {
    let rank = Rc::new(rank);
    let trainer = start_together(options, &Device::Cpu, &rank).unwrap();
    (trainer.unwrap(), rank)
}

/// Resumes the run in `run` on so many ranks, all of which must succeed.
fn resume(ranks: usize, folder: &Path) {
    for outcome in train(ranks, &options_to_resume(folder, "run")) {
        assert_eq!(outcome.unwrap(), Outcome::Success);
    }
}

fn losses(state: &State) -> Vec<[f64; 4]> {
    let rows = state.progress.history.iter();
    rows.map(|row| {
        [
            row.train_loss,
            row.train_accuracy,
            row.test_loss,
            row.test_accuracy,
        ]
    })
    .collect()
}

fn load(folder: &Path, out: &str) -> State {
    State::load(&folder.join(out).join(STATE), &Device::Cpu).unwrap()
}

/// Two numbers have one sum, whoever adds them.
#[cfg(target_os = "linux")]
#[test]
fn sums_on_the_devices_train_as_those_of_the_cpu() {
    use crate::ranks::tests::devices::{connect_by, stand_in};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let Some(nccl) = stand_in(path) else { return };
    pictures(path);
    let more = "--batch-size 6 --optimizer adamw --ema 0.9 --clip-norm 0.5";
    for outcome in train(2, &options(path, "cpu", more)) {
        assert_eq!(outcome.unwrap(), Outcome::Success);
    }
    let options = options(path, "devices", more);
    on_ranks(2, |ranks| {
        connect_by(nccl, &ranks);
        let (mut trainer, _) = joined(&options, ranks);
        assert_eq!(trainer.train().unwrap(), Outcome::Success);
    });
    let (cpu, devices) = (load(path, "cpu"), load(path, "devices"));
    assert!(cpu.weights == devices.weights && cpu.average == devices.average);
    assert_eq!(losses(&cpu), losses(&devices));
}

/// Where batch norm is fixed, ranks do what one process does, whatever happens to images and to the loss: only sums round
/// differently.
#[test]
fn ranks_train_the_classifier_as_one_process_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    for i in 0..3 {
        std::fs::remove_file(path.join(format!("data/train/red/{i}.png"))).unwrap();
    }
    let init = path.join("init.safetensors");
    let weights = random_weights(Architecture::new(Alpha::Quarter, 2), 1, &Device::Cpu).unwrap();
    weights.save(&init).unwrap();
    let init = init.to_str().unwrap();
    let teacher = path.join("teacher.safetensors");
    let metadata = Metadata {
        preprocess: Some(Preprocess::default().with_size(48)),
        ..Metadata::default()
    };
    let answers = random_weights(Architecture::new(Alpha::Half, 2), 2, &Device::Cpu).unwrap();
    answers.with_metadata(metadata).unwrap().save(&teacher).unwrap();
    let teacher = teacher.to_str().unwrap();
    let more = format!(
        "--init {init} --freeze all --batch-size 5 --mixup 0.4 --cutmix 1 --label-smoothing 0.1 --class-weights balanced \
         --trivial-augment --erasing 0.5 --ema 0.9 --clip-norm 0.5 --lr 0.5 --progressive 32 --teacher {teacher} \
         --distill-weight 0.6"
    );
    let results: BTreeMap<usize, State> = [0, 1, 2]
        .into_iter()
        .map(|ranks| {
            let out = format!("run{ranks}");
            let options = options(path, &out, &more);
            match ranks {
                0 => {
                    let alone = Rc::new(Ranks::alone());
                    let mut trainer = Trainer::start(&options, &Device::Cpu, &alone).unwrap().unwrap();
                    trainer.train().unwrap();
                }
                _ => drop(train(ranks, &options)),
            }
            (ranks, load(path, &out))
        })
        .collect();
    let one = &results[&0];
    let moved = |state: &State| {
        let values = state.weights.values("fc.weight").to_vec();
        let average = state.average.as_ref().unwrap().values("fc.weight").to_vec();
        [values, average].concat()
    };
    assert!(weights.values("fc.weight") != one.weights.values("fc.weight"));
    let largest = moved(one).into_iter().fold(0.0, f32::max);
    for (ranks, state) in &results {
        assert_eq!(state.progress.ranks, (*ranks).max(1));
        assert_eq!(state.progress.teacher, one.progress.teacher);
        for (found, expected) in moved(state).into_iter().zip(moved(one)) {
            assert!(
                (found - expected).abs() < 1e-5 * largest,
                "{ranks} ranks: {found} {expected}"
            );
        }
        for (found, expected) in losses(state)
            .as_flattened()
            .iter()
            .zip(losses(one).as_flattened())
        {
            assert!(
                (found - expected).abs() < 1e-4,
                "{ranks} ranks: {found} {expected}"
            );
        }
        let images = |state: &State| {
            let mistakes = state.progress.mistakes.iter();
            mistakes.map(|mistake| mistake.image).collect::<Vec<_>>()
        };
        assert_eq!(images(state), images(one));
    }
}

/// A rank of a synchronised step fails between the sums of the forward and of the backward pass, because it believes in another
/// number of classes: the others end with it, and none takes the step.
#[test]
fn an_error_between_the_sums_of_batch_norm_saves_the_run_before_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let options = options(
        path,
        "run",
        "--batch-size 5 --class-weights balanced --sync-batch-norm",
    );
    let ended = on_ranks(3, |ranks| {
        let (mut trainer, ranks) = joined(&options, ranks);
        assert!(trainer.train_epoch().unwrap() && trainer.finish_epoch().unwrap());
        let before = trainer.network.to_weights(Metadata::default()).unwrap();
        if ranks.rank() == 1 {
            trainer.progress.classes.push("green".to_owned());
        }
        let error = message(&trainer.train().unwrap_err());
        assert!(trainer.network.to_weights(Metadata::default()).unwrap() == before);
        error
    });
    assert!(!ended[1].starts_with("rank "), "{}", ended[1]);
    for rank in [0, 2] {
        assert_eq!(ended[rank], format!("rank 1 on `localhost`: {}", ended[1]));
    }
    let state = load(path, "run");
    assert_eq!((state.progress.steps, state.progress.position.step), (3, 0));
    resume(2, path);
}

/// A rank whose images cannot be used passes none, and makes the sums of batch norm with zeros.
#[test]
fn a_rank_without_images_takes_part_in_synchronised_batch_norm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    for image in 2..6 {
        spoil_pixels(path, &format!("train/red/{image}"));
    }
    let options = options(
        path,
        "run",
        "--batch-size 2 --size 64 --sync-batch-norm --bad-images skip",
    );
    let ended = on_ranks(2, |ranks| {
        let (mut trainer, _) = joined(&options, ranks);
        assert_eq!(trainer.train().unwrap(), Outcome::Success);
        trainer.network.to_weights(Metadata::default()).unwrap()
    });
    assert!(ended[0] == ended[1]);
    assert_eq!(ended[0].not_finite(), None);
    let progress = load(path, "run").progress;
    assert_eq!((progress.broken.train.len(), progress.history.len()), (4, 2));
}

/// Batch norm of each rank sees its part, or with `--sync-batch-norm` the whole batch.
#[test]
fn a_part_of_too_few_values_is_left_out() {
    for (more, lacking, seen, short) in [
        // The first rank's part is three images, of which one is left.
        ("--batch-size 6", 2, 9, 1),
        ("--batch-size 6 --sync-batch-norm", 2, 10, 0),
        ("--batch-size 6 --sync-batch-norm", 4, 6, 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        pictures(path);
        let options = options(path, "run", &format!("{more} --bad-images skip"));
        let ended = on_ranks(2, |ranks| {
            let (mut trainer, ranks) = joined(&options, ranks);
            let order = mbn_data::shuffled(trainer.progress.settings.seed, 0, trainer.data.train.len());
            if ranks.is_main() {
                // Of the second batch, because the first is in memory already: of its first part, and then of its second.
                for image in order[6..].iter().take(lacking) {
                    std::fs::write(trainer.data.train.path(*image), "").unwrap();
                }
            }
            ranks.wait().unwrap();
            assert!(trainer.train_epoch().unwrap());
            let progress = &trainer.progress;
            assert_eq!(
                (progress.position.seen, progress.short_steps),
                (seen, short),
                "{more}"
            );
            trainer.network.to_weights(Metadata::default()).unwrap()
        });
        assert!(ended[0] == ended[1]);
        assert_eq!(ended[0].not_finite(), None);
    }
}

/// What one process has left out, the ranks that go on leave out too.
#[test]
fn images_that_were_left_out_stay_out_on_all_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let options = options(path, "run", "--batch-size 8 --bad-images skip");
    let alone = Rc::new(Ranks::alone());
    let mut trainer = Trainer::start(&options, &Device::Cpu, &alone).unwrap().unwrap();
    trainer.progress.broken.train.extend([0, 9]);
    trainer.progress.broken.test.insert(1);
    trainer.save_state().unwrap();
    drop(trainer);
    let options = options_to_resume(path, "run");
    on_ranks(2, |ranks| {
        let (mut trainer, _) = joined(&options, ranks);
        assert!(trainer.train_epoch().unwrap());
        assert_eq!(trainer.progress.position.seen, 14);
        assert!(trainer.finish_epoch().unwrap());
        assert_eq!(trainer.best.as_ref().unwrap().confusion.images(), 3);
    });
}

#[test]
fn weights_that_differ_end_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let options = options(path, "run", "--batch-size 4 --size 64");
    let ended = on_ranks(2, |ranks| {
        let (mut trainer, ranks) = joined(&options, ranks);
        if ranks.rank() == 1 {
            let parameter = trainer.network.parameters().next().unwrap();
            let other = (parameter.tensor() * 1.0001).unwrap();
            parameter.var.set(&other).unwrap();
        }
        message(&trainer.train().unwrap_err())
    });
    let expected =
        "its weights differ from the main rank's after epoch 1\nhint: processors of different kinds";
    assert!(ended[1].starts_with(expected), "{}", ended[1]);
    assert!(
        ended[0].starts_with(&format!("rank 1 on `localhost`: {expected}")),
        "{}",
        ended[0]
    );
    assert!(!path.join("run").join(LAST).exists());
}

/// One rank cannot read an image: none takes the step, and the run is saved as it was before.
#[test]
fn an_error_of_one_rank_saves_the_run_before_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let options = options(path, "run", "--batch-size 4 --size 64 --seed 3 --no-flip");
    let broken = path.join("data/train/red/5.png");
    let ended = on_ranks(2, |ranks| {
        let (mut trainer, ranks) = joined(&options, ranks);
        if ranks.is_main() {
            std::fs::remove_file(&broken).unwrap();
        }
        ranks.wait().unwrap();
        let statistics = trainer.network.to_weights(mbn_spec::Metadata::default()).unwrap();
        let error = message(&trainer.train().unwrap_err());
        (error, trainer.progress.position.step, statistics)
    });
    for (error, ..) in &ended {
        assert!(error.contains("5.png") && error.contains("--resume"), "{error}");
    }
    assert_eq!(
        ended
            .iter()
            .filter(|(error, ..)| error.starts_with("rank "))
            .count(),
        1
    );
    let steps = ended[0].1;
    assert_eq!(ended[1].1, steps);
    let state = load(path, "run");
    assert_eq!(
        (state.progress.position.step, state.progress.steps as usize),
        (steps, steps)
    );
    assert_eq!(
        state.weights.counter("model.0.1.num_batches_tracked"),
        steps as i64
    );
    if steps == 0 {
        assert!(state.weights == ended[0].2);
    }
}

/// Breaks the pixels of an image, whose structure stays.
fn spoil_pixels(folder: &Path, name: &str) {
    let file = folder.join(format!("data/{name}.png"));
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(4).position(|part| part == b"IDAT").unwrap() + 8;
    bytes[at] ^= 0xff;
    std::fs::write(&file, bytes).unwrap();
}

#[test]
fn images_that_are_skipped_are_known_to_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    for name in ["train/red/5", "train/blue/2", "val/red/1"] {
        spoil_pixels(path, name);
    }
    let options = options(path, "run", "--batch-size 8 --bad-images skip");
    for outcome in train(2, &options) {
        assert_eq!(outcome.unwrap(), Outcome::Success);
    }
    let progress = load(path, "run").progress;
    assert_eq!((progress.broken.train.len(), progress.broken.test.len()), (2, 1));
    assert_eq!(progress.history.len(), 2);
}

/// All ranks see by themselves that the test loss is not finite, and say so.
#[test]
fn a_run_that_diverges_in_the_last_step_of_an_epoch_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let options = options(path, "run", "--batch-size 4 --size 64");
    let ended = on_ranks(2, |ranks| {
        let (mut trainer, _) = joined(&options, ranks);
        assert!(trainer.train_epoch().unwrap());
        let parameter = trainer.network.parameters().next().unwrap();
        let broken = (parameter.tensor() * f64::NAN).unwrap();
        parameter.var.set(&broken).unwrap();
        message(&trainer.finish_epoch().unwrap_err())
    });
    for error in &ended {
        assert!(error.contains("the test loss became NaN"), "{error}");
    }
}

/// Files that are gone while the ranks train: a part that loses all of its images is left out, a batch that does ends the run.
#[test]
fn a_missing_file_is_skipped_and_a_lost_disk_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    // Each part is a single image.
    let options = options(
        path,
        "run",
        "--batch-size 2 --size 64 --sync-batch-norm --bad-images skip",
    );
    let ended = on_ranks(2, |ranks| {
        let (mut trainer, ranks) = joined(&options, ranks);
        if ranks.is_main() {
            std::fs::remove_file(path.join("data/train/red/5.png")).unwrap();
        }
        ranks.wait().unwrap();
        assert!(trainer.train_epoch().unwrap() && trainer.finish_epoch().unwrap());
        assert_eq!(trainer.progress.broken.train.len(), 1);
        ranks.wait().unwrap();
        if ranks.is_main() {
            std::fs::remove_dir_all(path.join("data/train")).unwrap();
        }
        ranks.wait().unwrap();
        message(&trainer.train().unwrap_err())
    });
    for error in &ended {
        assert!(
            error.contains("images cannot be read any more, such as `"),
            "{error}"
        );
    }
    // What is lost with the disk is no bad image.
    let progress = load(path, "run").progress;
    assert_eq!((progress.history.len(), progress.broken.train.len()), (1, 1));
}

/// A rank joins with what the main rank has saved, at the start and later.
#[test]
fn a_run_goes_on_with_any_number_of_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    let more = "--batch-size 8 --size 64 --optimizer adamw --ema 0.9";
    let mut started = options(path, "run", more);
    started.save_every = "0".parse().unwrap();
    // The run ends within its second epoch.
    let files = on_ranks(2, |ranks| {
        let (mut trainer, ranks) = joined(&started, ranks);
        assert!(trainer.train_epoch().unwrap() && trainer.finish_epoch().unwrap());
        (ranks.is_main(), trainer.to_bytes().unwrap())
    });
    // Both know everything but the clock of the other.
    let state = |bytes: &[u8]| State::from_bytes(bytes, &Device::Cpu).unwrap();
    let (one, other) = (state(&files[0].1), state(&files[1].1));
    assert!(one.weights == other.weights && one.average == other.average && one.best == other.best);
    assert_eq!(losses(&one), losses(&other));
    for ranks in [1, 3, 2] {
        resume(ranks, path);
        assert_eq!(load(path, "run").progress.history.len(), 2);
    }
    let last = Weights::load(&path.join("run").join(LAST)).unwrap();
    assert_eq!(last.not_finite(), None);
}

#[test]
fn batches_without_an_image_for_each_rank_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    pictures(path);
    for (ranks, more, expected) in [
        (
            3,
            "--batch-size 2",
            "a batch of 2 images has not one for each of 3 ranks",
        ),
        (
            3,
            "--batch-size 4 --mixup 0.2",
            "a batch of 4 images has not two, which are mixed, for each of 3 ranks",
        ),
        (
            2,
            "--batch-size 3",
            "a batch of 1 image for a rank of 32 x 32 pixels leaves 1 value per channel",
        ),
        (
            2,
            "--batch-size 5",
            "a batch of 2 images for a rank of 32 x 32 pixels leaves 2 values per channel",
        ),
        (
            2,
            "--batch-size 2 --sync-batch-norm",
            "a batch of 2 images of 32 x 32 pixels leaves 2 values per channel",
        ),
        (
            2,
            "--batch-size 1 --sync-batch-norm",
            "a batch of 1 image has not one for each of 2 ranks",
        ),
    ] {
        let ended = train(ranks, &options(path, "run", more));
        for (rank, ended) in ended.into_iter().enumerate() {
            let error = message(&ended.unwrap_err());
            assert!(
                error.contains(expected) && error.contains("`--batch-size`"),
                "{error}"
            );
            assert_eq!(error.starts_with("rank 0 on"), rank > 0);
        }
        assert!(!path.join("run").exists());
    }
}
