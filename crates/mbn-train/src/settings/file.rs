//! Configuration files: a run's settings as TOML, by the names of the options.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::CommandFactory;
use mbn_cli::Hint;

use crate::options::Options;
use crate::settings::{RunArgs, Settings};

/// What a file may hold.
const KEYS: [&str; 33] = [
    "alpha",
    "batch-size",
    "class-weights",
    "clip-norm",
    "color-jitter",
    "crop",
    "crop-scale",
    "cutmix",
    "data",
    "ema",
    "epochs",
    "erasing",
    "flip",
    "fold",
    "freeze",
    "init",
    "init-classes",
    "label-smoothing",
    "lr",
    "mixup",
    "optimizer",
    "patience",
    "precision",
    "progressive",
    "rand-augment",
    "recipe",
    "resize",
    "seed",
    "size",
    "train-size",
    "trivial-augment",
    "warmup",
    "weight-decay",
];

/// Reads a configuration file, which `above` stands above. A saved one has every value: where `above` names the recipe, the
/// optimiser, the epochs or the batch size, values that are defaults of the file's own are left out, and follow.
///
/// # Errors
/// If it cannot be read, is no TOML, has unknown keys (what helps is said) or a value that its key cannot take.
pub(crate) fn load(path: &Path, above: &RunArgs) -> Result<RunArgs> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("configuration `{}` cannot be read", path.display()))?;
    let args = parse(&text).with_context(|| format!("configuration `{}` cannot be used", path.display()))?;
    let decides = above.recipe.is_some()
        || above.optimizer.is_some()
        || above.epochs.is_some()
        || above.batch_size.is_some();
    Ok(if decides { without_defaults(args) } else { args })
}

fn without_defaults(args: RunArgs) -> RunArgs {
    let deciding = RunArgs {
        recipe: args.recipe,
        optimizer: args.optimizer,
        epochs: args.epochs,
        batch_size: args.batch_size,
        ..RunArgs::default()
    };
    let Ok(defaults) = Settings::resolve(deciding, PathBuf::new(), None) else {
        return args;
    };
    // What a file says of cropping stands together: its scale alone means that there is cropping.
    let crops = args.crop.or(args.crop_scale.map(|_| true));
    let has_default_crop = crops.is_none_or(|crops| crops == defaults.crop)
        && args.crop_scale.is_none_or(|scale| scale == defaults.crop_scale);
    RunArgs {
        lr: args.lr.filter(|value| value.get() != defaults.learning_rate),
        warmup: args.warmup.filter(|value| value.get() != defaults.warmup_epochs),
        weight_decay: args
            .weight_decay
            .filter(|value| value.get() != defaults.weight_decay),
        ema: args.ema.filter(|value| value.get() != defaults.ema),
        label_smoothing: args
            .label_smoothing
            .filter(|value| value.get() != defaults.label_smoothing),
        crop: crops.filter(|_| !has_default_crop),
        crop_scale: args.crop_scale.filter(|_| !has_default_crop),
        flip: args.flip.filter(|value| value.get() != defaults.flip),
        ..args
    }
}

fn parse(text: &str) -> Result<RunArgs> {
    let table: toml::Table = text.parse().map_err(without_trailing_newline)?;
    let unknown: Vec<_> = table.keys().filter(|key| !KEYS.contains(&key.as_str())).collect();
    if !unknown.is_empty() {
        let quoted: Vec<_> = unknown.iter().map(|key| format!("`{key}`")).collect();
        let advice: Vec<_> = unknown.iter().map(|key| advice(key)).collect();
        let keys = if unknown.len() == 1 { "key" } else { "keys" };
        return Err(anyhow!("unknown {keys} {}", quoted.join(", "))).hint(|| advice.join("; "));
    }
    toml::from_str(text).map_err(without_trailing_newline)
}

/// What to write in place of an unknown key.
fn advice(unknown: &str) -> String {
    /// Jaro-Winkler similarity below which two words have little in common.
    const SIMILAR: f64 = 0.8;
    let option = unknown.trim_start_matches('-').replace('_', "-");
    match option.as_str() {
        "no-crop" => return "for `--no-crop` write `crop = false`".to_owned(),
        "no-flip" => return "for `--no-flip` write `flip = 0`".to_owned(),
        _ => {}
    }
    let command = Options::command();
    if !KEYS.contains(&option.as_str()) && command.get_arguments().any(|arg| arg.get_long() == Some(&option))
    {
        return format!("`--{option}` is for the command line alone");
    }
    let similarity = |name: &str| strsim::jaro_winkler(name, &option);
    let nearest = KEYS
        .into_iter()
        .max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
    match nearest.filter(|name| similarity(name) >= SIMILAR) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the keys are {}", KEYS.join(", ")),
    }
}

fn without_trailing_newline(error: toml::de::Error) -> anyhow::Error {
    anyhow!("{}", error.to_string().trim_end().to_owned())
}

/// The error of settings that contradict each other by what a file says; `error` names them as options, which are the
/// keys with dashes.
pub(crate) fn contradiction(path: &Path, error: &anyhow::Error) -> anyhow::Error {
    let message = error.to_string().replace("`--", "`");
    anyhow!(message).context(format!("configuration `{}` cannot be used", path.display()))
}

/// The settings as a file that [`load`] reads.
pub(crate) fn to_toml(settings: &Settings) -> Result<String> {
    let values = toml::to_string(settings)?;
    Ok(format!(
        "# Settings of a run of mbn-train {}; `mbn-train --config FILE` takes them again.\n{values}",
        env!("CARGO_PKG_VERSION")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_the_nearest() {
        for (text, nearest) in [
            ("mixupp = 0.2", "`mixup`"),
            ("lable-smoothing = 0.1", "`label-smoothing`"),
            ("batch_size = 3", "`batch-size`"),
            ("weight_decay = 3", "`weight-decay`"),
            ("no-crop = true", "`crop = false`"),
            ("threads = 2", "`--threads` is for the command line alone"),
            ("momentum = 2", "the keys are alpha, batch-size"),
            (
                "mixupp = 0.2\nlable-smoothing = 0.1",
                "`label-smoothing`?; did you mean `mixup`?",
            ),
        ] {
            let error = parse(text).unwrap_err();
            let hint = error.downcast_ref::<mbn_cli::Hinted>().unwrap();
            assert!(hint.hint.contains(nearest), "{text}: {}", hint.hint);
        }
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
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains("line 2"), "{text}: {error}");
        }
    }

    #[test]
    fn resolved_settings_are_a_configuration_again() {
        let full = "data = 'd'\nfold = 3\ninit = 'w'\ninit-classes = 'n'\nalpha = 0.5\nmixup = 0.2\nrand-augment = [2, 9]\nfreeze = 'all'\n\
            ema = 0.99\ncrop = false\nprogressive = 128\nlr = 0.1\nrecipe = 'plain'\nclass-weights = 'balanced'\n\
            train-size = 160\nresize = 'crop'";
        let resolve = |text: &str| {
            let args = parse(text).unwrap();
            let data = args.data.clone().unwrap_or_default();
            Settings::resolve(args, data, None).unwrap()
        };
        for text in [
            full,
            "",
            "recipe = 'plain'",
            "lr = 0.30000000000000004",
            "recipe = 'plain'\ncrop-scale = [0.35, 1.0]",
            "recipe = 'plain'\ncrop = false\ncrop-scale = [0.5, 1.0]",
            "crop = false\nflip = 0.5",
        ] {
            let settings = resolve(text);
            let saved = to_toml(&settings).unwrap();
            assert_eq!(resolve(&saved), settings, "{saved}");
            let args = without_defaults(parse(&saved).unwrap());
            let again = Settings::resolve(args, settings.data.clone(), None).unwrap();
            assert_eq!(again, settings, "{saved}");
        }
        let saved = to_toml(&resolve(full)).unwrap();
        let table: toml::Table = saved.parse().unwrap();
        let mut known: Vec<_> = KEYS.into_iter().collect();
        known.sort_unstable();
        assert_eq!(table.keys().collect::<Vec<_>>(), known);
    }
}
