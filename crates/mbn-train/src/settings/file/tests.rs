//! Unknown keys, values out of range, and saved settings that are read back.

use clap::CommandFactory;

use super::*;
use crate::options::Options;

fn read(text: &str) -> Result<RunArgs> {
    parse(text, &Options::command())
}

#[test]
fn an_unknown_key_names_the_nearest() {
    for (text, nearest) in [
        ("mixupp = 0.2", "`mixup`"),
        ("lable-smoothing = 0.1", "`label-smoothing`"),
        ("batch_size = 3", "`batch-size`"),
        ("weight_decay = 3", "`weight-decay`"),
        ("no-crop = true", "`crop = false`"),
        ("threads = 2", "`--threads` is an option of the command line only"),
        (
            "momentum = 2",
            "the keys are activation, alpha, bad-images, batch-size",
        ),
        (
            "mixupp = 0.2\nlable-smoothing = 0.1",
            "`label-smoothing`?; did you mean `mixup`?",
        ),
    ] {
        let error = read(text).unwrap_err();
        let hint = error.downcast_ref::<mbn_cli::Hinted>().unwrap();
        assert!(hint.hint.contains(nearest), "{text}: {}", hint.hint);
    }
}

#[test]
fn sections_are_named() {
    for text in [
        "seed = 1\n[training]\nlr = 0.1",
        "[training]",
        "[[training]]\nlr = 0.1",
        "training.lr = 0.1",
        "mixupp = 1\n[training]\nlr = 0.1",
    ] {
        let error = mbn_cli::message(&read(text).unwrap_err());
        assert!(
            error.contains("`training` is a section") && error.contains("hint: remove the line `[training]`"),
            "{error}"
        );
    }
    // A key of that name has a value of another type.
    let error = format!("{:#}", read("[mixup]\nlr = 0.1").unwrap_err());
    assert!(!error.contains("section"), "{error}");
}

#[test]
fn values_out_of_range_name_the_line() {
    for text in [
        "seed = 1\nmixup = -1",
        "seed = 1\nalpha = 0.3",
        "seed = 1\nepochs = 0",
        "seed = 1\nrecipe = \"weak\"",
        "seed = 1\ncrop-scale = [0.5, 2]",
        "seed = 1\nfreeze = 99",
        "seed = 1\nsize = 16",
        "seed = 1\nsize = 2048",
        "seed = 1\nprogressive = 31",
        "seed = 1\nprogressive = -1",
        "seed = 1\nseed = 2",
        "seed = 1\nflip = ",
    ] {
        let error = format!("{:#}", read(text).unwrap_err());
        assert!(error.contains("line 2"), "{text}: {error}");
    }
}

#[test]
fn a_scale_without_a_crop_is_refused() {
    for text in [
        "crop = false\ncrop-scale = [0.5, 1]",
        "recipe = 'plain'\ncrop = false\ncrop-scale = [0.7, 1]",
        "recipe = 'fine-tune'\ncrop = false\ncrop-scale = [0.35, 1]",
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(
            error.contains("`crop-scale` has no effect beside `crop = false`"),
            "{text}: {error}"
        );
    }
    // What the command line switches off is not saved.
    let args = RunArgs {
        no_crop: true,
        ..RunArgs::default()
    };
    let args = args.over(read("crop-scale = [0.5, 1]").unwrap());
    let settings = Settings::resolve(args, "d".into(), None).unwrap();
    assert_eq!((settings.crop, settings.crop_scale.get()), (false, [0.35, 1.0]));
    read(&settings.to_toml().unwrap()).unwrap();
}

#[test]
fn resolved_settings_are_a_configuration_again() {
    let full = "data = 'd'\nfold = 3\ninit = 'w'\ninit-classes = 'n'\nalpha = 0.5\nmixup = 0.2\nrand-augment = [2, 9]\nfreeze = 'all'\n\
        ema = 0.99\ncrop = false\nprogressive = 128\nlr = 0.1\nrecipe = 'plain'\nclass-weights = 'balanced'\n\
        train-size = 160\nresize = 'crop'\nval-fraction = 0.3\nshorter = 300\ninterpolation = 'bicubic'\n\
        mean = [0.5, 0.25, 0.5]\nstd = [1, 1, 1]\nactivation = 'relu6'\nepsilon = 0.001\npadding = 'same'\n\
        teacher = 't'\ndistill-weight = 0.5\ntemperature = 2";
    let resolve = |text: &str| {
        let args = read(text).unwrap();
        let data = args.data.clone().unwrap_or_default();
        Settings::resolve(args, data, None).unwrap()
    };
    for text in [
        full,
        "",
        "recipe = 'plain'",
        "lr = 0.30000000000000004",
        "recipe = 'plain'\ncrop-scale = [0.35, 1.0]",
        "recipe = 'fine-tune'\ninit = 'w'\ncrop = false\ncrop-scale = [0.7, 1.0]",
        "crop = false\nflip = 0.5",
    ] {
        let settings = resolve(text);
        let saved = settings.to_toml().unwrap();
        assert_eq!(resolve(&saved), settings, "{saved}");
        let args = read(&saved).unwrap().without_defaults(&RunArgs::default());
        let again = Settings::resolve(args, settings.data.clone(), None).unwrap();
        assert_eq!(again, settings, "{saved}");
    }
    let saved = resolve(full).to_toml().unwrap();
    let table: toml::Table = saved.parse().unwrap();
    assert_eq!(table.keys().cloned().collect::<Vec<_>>(), keys());
}
