//! Defaults, layers of settings, and contradictions on the command line.

mod contradictions;
mod layers;
mod page;
mod round_trip;

use super::*;
use crate::settings::Freeze;

fn resolve(line: &str) -> Result<Settings> {
    let options = Options::try_parse_from(line.split(' '))?;
    Settings::resolve(options.run_args()?, "d".into(), None)
}

#[test]
fn command_line_is_well_formed() {
    use clap::CommandFactory;
    Options::command().debug_assert();
}

#[test]
fn settings_beside_resume_are_named() {
    let refused = |line: &str| {
        let options = Options::try_parse_from(line.split(' ')).unwrap();
        let error = options.check_resume().unwrap_err();
        error.to_string()
    };
    assert!(
        refused("mbn-train --resume r --alpha 0.5 --no-flip --data d")
            .starts_with("`--alpha` and `--no-flip` do not go with `--resume`")
    );
    for option in [
        "--out o",
        "--fold 1",
        "--trivial-augment",
        "--cutmix",
        "--epochs 3",
        "--mixup 0.2",
    ] {
        let name = option.split(' ').next().unwrap();
        let message = refused(&format!("mbn-train --resume r {option}"));
        assert!(message.starts_with(&format!("`{name}` does not go")), "{message}");
    }
    for line in [
        "mbn-train --resume r --data d --threads 2",
        "mbn-train --epochs 3 --out o",
    ] {
        Options::try_parse_from(line.split(' '))
            .unwrap()
            .check_resume()
            .unwrap();
    }
}

#[test]
fn defaults_follow_from_recipe_optimiser_and_batch() {
    let settings = resolve("mbn-train --data d --batch-size 32").unwrap();
    assert_eq!((settings.lr.get(), settings.label_smoothing.get()), (0.05, 0.1));
    assert_eq!((settings.warmup.get(), settings.epochs.get()), (2.5, 50));
    assert!(settings.crop && settings.flip.get() == 0.5);
    assert_eq!((settings.ema.get(), settings.weight_decay.get()), (0.0, 5e-4));
    let settings = resolve("mbn-train --data d --optimizer adamw --recipe plain --epochs 200").unwrap();
    assert_eq!((settings.lr.get(), settings.label_smoothing.get()), (0.002, 0.0));
    assert_eq!((settings.warmup.get(), settings.weight_decay.get()), (5.0, 0.05));
    assert_eq!(settings.augment(), mbn_data::Augment::none());
    assert_eq!((settings.ema.get(), settings.progressive.get()), (0.0, 0));
}

#[test]
fn recipes_for_trained_weights_are_short() {
    let settings = resolve("mbn-train --data d --init w --recipe classifier --batch-size 32").unwrap();
    assert_eq!((settings.lr.get(), settings.label_smoothing.get()), (0.025, 0.0));
    assert_eq!((settings.warmup.get(), settings.epochs.get()), (0.5, 10));
    assert_eq!((settings.freeze, settings.ema.get()), (Freeze::ALL, 0.0));
    assert_eq!(settings.weight_decay.get(), 1e-4);
    assert!(settings.crop && settings.flip.get() == 0.5);
    let settings = resolve("mbn-train --data d --init w --recipe fine-tune --epochs 40").unwrap();
    assert_eq!((settings.warmup.get(), settings.epochs.get()), (2.0, 40));
    assert_eq!(
        (settings.freeze, settings.label_smoothing.get()),
        (Freeze::NONE, 0.05)
    );
    assert_eq!(settings.crop_scale.get(), [0.7, 1.0]);
    assert_eq!((settings.ema.get(), settings.weight_decay.get()), (0.99, 1e-4));
    let message = resolve("mbn-train --data d --recipe classifier")
        .unwrap_err()
        .to_string();
    assert!(
        message.starts_with("`--recipe classifier` keeps the weights of `--init`"),
        "{message}"
    );
}

#[test]
fn every_part_has_a_flag() {
    let settings = resolve(
        "mbn-train --data d --recipe plain --mixup 0.2 --cutmix --ema 0.99 --clip-norm 5 --trivial-augment \
         --color-jitter 0.4 --erasing 0.25 --crop-scale 0.2,0.9 --flip 0.5 --patience 3 --init w --freeze all --progressive 128 \
         --train-size 192",
    );
    let settings = settings.unwrap();
    let augment = settings.augment();
    assert_eq!((augment.mixing.mixup, augment.mixing.cutmix), (0.2, 1.0));
    assert_eq!(
        (augment.crop, augment.scale, augment.flip),
        (true, [0.2, 0.9], 0.5)
    );
    assert_eq!(
        (augment.color_jitter.contrast, augment.erasing.probability),
        (0.4, 0.25)
    );
    assert_eq!(augment.policy, mbn_data::Policy::TrivialAugment);
    assert_eq!(
        (settings.ema.get(), settings.clip_norm.get(), settings.patience),
        (0.99, 5.0, 3)
    );
    assert_eq!((settings.freeze.blocks(), settings.progressive.get()), (14, 128));
    assert_eq!((settings.size.get(), settings.largest_train_size()), (224, 192));
    let settings = resolve("mbn-train --data d --no-crop --no-flip --rand-augment 2,9").unwrap();
    let augment = settings.augment();
    assert_eq!((augment.crop, augment.flip), (false, 0.0));
    assert!(matches!(
        augment.policy,
        mbn_data::Policy::RandAugment { ops: 2, magnitude: 9 }
    ));
}

#[test]
fn the_command_line_overrides_the_file_and_the_file_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(
        &path,
        "mixup = 0.4\nflip = 0.3\ncrop-scale = [0.5, 0.8]\nepochs = 7\nrecipe = 'plain'",
    )
    .unwrap();
    let with = |flags: &str| {
        let line = format!("mbn-train --config {} {flags}", path.display());
        resolve(line.trim_end()).unwrap()
    };
    let settings = with("");
    assert_eq!(
        (settings.mixup.get(), settings.flip.get(), settings.epochs.get()),
        (0.4, 0.3, 7)
    );
    assert!(settings.crop && settings.crop_scale.get() == [0.5, 0.8]);
    let settings = with("--mixup 0 --no-flip --no-crop --recipe strong");
    assert_eq!(
        (settings.mixup.get(), settings.flip.get(), settings.crop),
        (0.0, 0.0, false)
    );
    assert_eq!((settings.epochs.get(), settings.label_smoothing.get()), (7, 0.1));
}

/// A saved configuration has every value. Values that were defaults follow the recipe, optimiser, epochs and batch size of
/// the command line.
#[test]
fn defaults_in_a_file_follow_what_the_command_line_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    let saved = resolve("mbn-train --data d --lr 0.3 --mixup 0.2 --crop-scale 0.5,1").unwrap();
    std::fs::write(&path, saved.to_toml().unwrap()).unwrap();
    for flags in [
        "--recipe plain",
        "--optimizer adamw",
        "--batch-size 16",
        "--epochs 1",
        "--recipe strong",
    ] {
        let found = resolve(&format!("mbn-train --config {} {flags}", path.display())).unwrap();
        let all = format!("mbn-train --data d --lr 0.3 --mixup 0.2 --crop-scale 0.5,1 {flags}");
        assert_eq!(found, resolve(&all).unwrap(), "{flags}");
    }
}

#[test]
fn the_policy_of_the_upper_layer_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    let policy = |text: &str, flags: &str| {
        std::fs::write(&path, text).unwrap();
        let settings = resolve(&format!("mbn-train --config {} {flags}", path.display()));
        settings.unwrap().augment().policy
    };
    let found = policy("rand-augment = [2, 9]", "--trivial-augment");
    assert_eq!(found, mbn_data::Policy::TrivialAugment);
    let found = policy("trivial-augment = true", "--rand-augment 1,5");
    assert!(matches!(
        found,
        mbn_data::Policy::RandAugment { ops: 1, magnitude: 5 }
    ));
    let found = policy("rand-augment = [2, 9]", "--trivial-augment=false");
    assert!(matches!(found, mbn_data::Policy::RandAugment { .. }));
}

/// If the command line alone is consistent, the error names the file and its keys.
#[test]
fn an_error_names_the_file_or_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    let error = |text: &str, flags: &str| {
        std::fs::write(&path, text).unwrap();
        let line = format!("mbn-train --config {} {flags}", path.display());
        let options = Options::try_parse_from(line.trim_end().split(' ')).unwrap();
        let args = options.run_args().unwrap();
        options.resolve(args, "d".into(), None).unwrap_err()
    };
    for (text, flags) in [
        ("epochs = 2\nwarmup = 3", ""),
        ("epochs = 2", "--warmup 3"),
        ("epochs = 2\nwarmup = 3", "--epochs 1"),
        ("epochs = 9\nwarmup = 3", "--epochs 1"),
    ] {
        let error = error(text, flags);
        let message = format!("{error:#}");
        assert!(!error.is::<mbn_cli::UsageError>(), "{message}");
        assert!(
            message.contains("c.toml`") && message.contains("`warmup 3`"),
            "{message}"
        );
    }
    assert!(error("seed = 1", "--epochs 2 --warmup 3").is::<mbn_cli::UsageError>());
}

#[test]
fn workers_follow_the_cores_on_cuda_alone() {
    let workers = |flags: &str, on_cuda| {
        let line = format!("mbn-train --data d {flags}");
        let options = Options::try_parse_from(line.trim_end().split(' ')).unwrap();
        options.worker_count(on_cuda)
    };
    for (flags, cpu, cuda) in [
        ("--threads 16", 2, 15),
        ("--threads 4", 2, 3),
        ("--threads 2", 2, 2),
        ("--threads 1", 2, 2),
        ("--threads 16 --workers 5", 5, 5),
        ("--threads 16 --workers 1", 1, 1),
    ] {
        assert_eq!(
            (workers(flags, false), workers(flags, true)),
            (cpu, cuda),
            "{flags}"
        );
    }
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(workers("", true), (cores - 1).max(2));
    assert_eq!(workers("", false), 2);
}
