//! Settings of a training run, from a configuration file and the command line.

use clap::Parser;
use mbn_train::{Options, RunArgs, Settings};

/// Reads a configuration file and, after the first NUL, the words of a command line, one a line. Then resolves the file
/// alone, and with the command line over it.
///
/// # Panics
/// If settings that were resolved cannot be saved, or come back as others.
pub fn settings(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (config, words) = text.split_once('\0').unwrap_or((text, ""));
    let below = Options::read_config(config).unwrap_or_else(|error| {
        assert!(!format!("{error:#}").is_empty());
        RunArgs::default()
    });
    resolve(below.clone());
    let words = words.lines().filter(|word| !word.is_empty());
    match Options::try_parse_from(["mbn-train"].into_iter().chain(words)) {
        Ok(options) => resolve(options.run.over(below)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn resolve(args: RunArgs) {
    let data = args.data.clone().unwrap_or_default();
    let settings = match Settings::resolve(args, data.clone(), None) {
        Ok(settings) => settings,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(settings.augment().validate().is_ok());
    let saved = settings.to_toml().expect("settings that can be saved");
    let args = Options::read_config(&saved).expect("settings that can be read again");
    let again = Settings::resolve(args, data, None).expect("settings that agree again");
    assert_eq!(again, settings, "{saved}");
}
