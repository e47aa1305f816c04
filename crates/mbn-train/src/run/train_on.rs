//! The command that starts a run from another, as messages show it.

use std::path::Path;

use mbn_cli::{quote, quote_word, text_file};
use mbn_spec::Alpha;

use super::{BEST, SETTINGS};
use crate::again;
use crate::settings::Settings;

/// A command that starts a run with the settings of another, and others in place of some.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TrainOn {
    /// The command, without quotes around it.
    pub command: String,
    start: Start,
}

/// What such a run starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The best weights of the other run.
    Best,
    /// What the command or the settings name, or random weights.
    AsTheySay,
    /// Weights of another alpha than those that the settings name. Which, the user has to say.
    Others,
}

impl TrainOn {
    /// From the run in `folder`, with the settings `given`, which are names of options and their values. `None` if the run has not
    /// written its settings.
    ///
    /// It starts from the best weights, unless an epoch has yet to give some, or they do not fit an alpha that is given.
    pub fn new(folder: &Path, out: Option<&Path>, given: &[(&str, Option<String>)]) -> Option<Self> {
        let (settings, best) = (folder.join(SETTINGS), folder.join(BEST));
        let saved = text_file::read(&settings).ok()?;
        let saved = String::from_utf8(saved).ok()?;
        let saved: Option<Settings> = toml::from_str(&saved).ok();
        let value_of = |name: &str| given.iter().find(|(key, _)| *key == name);
        let alpha = value_of("alpha").and_then(|(_, alpha)| alpha.as_ref()?.parse::<Alpha>().ok());
        let temperature = saved.as_ref().and_then(|saved| saved.temperature);
        let start = match saved {
            _ if value_of("init").is_some() => Start::AsTheySay,
            Some(saved) if alpha.is_some_and(|alpha| alpha != saved.alpha) => match saved.init {
                Some(_) => Start::Others,
                None => Start::AsTheySay,
            },
            _ if best.is_file() => Start::Best,
            _ => Start::AsTheySay,
        };

        let mut command = format!("mbn-train --config {}", quote(&settings));
        match start {
            Start::Best => command += &format!(" --init {}", quote(&best)),
            Start::Others => command += " --init WEIGHTS",
            Start::AsTheySay => {}
        }
        for (key, value) in given {
            command += &format!(" --{key}");
            if let Some(value) = value {
                // A flag takes a value only after `=`, as every option takes one that begins with a dash.
                let is_flag = matches!(value.as_str(), "true" | "false");
                command.push(if is_flag || value.starts_with('-') {
                    '='
                } else {
                    ' '
                });
                command += &quote_word(value);
            }
        }
        // An earlier version took others.
        if let Some(temperature) = temperature.filter(|temperature| temperature.in_range().is_err())
            && value_of("temperature").is_none()
        {
            command += &format!(" --temperature {}", temperature.nearest().get());
        }
        command += &again::options();
        if let Some(out) = out {
            command += &format!(" --out {}", quote(out));
        }
        Some(Self { command, start })
    }

    /// What the command is for: `with` says what it changes.
    pub fn advice(&self, with: &str) -> String {
        let command = &self.command;
        match self.start {
            Start::Best => {
                format!("to train on from its best weights with {with}, start a run from it: `{command}`")
            }
            Start::AsTheySay => format!("to train with {with}, start another run: `{command}`"),
            Start::Others => {
                format!("to train with {with}, start another run from WEIGHTS of that alpha: `{command}`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::Options;

    /// A run in a new folder with these settings, with weights if an epoch is finished, and the command for a line of options.
    fn advice(settings: &str, has_best: bool, line: &str) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(SETTINGS), settings).unwrap();
        if has_best {
            std::fs::write(folder.path().join(BEST), "").unwrap();
        }
        let options = Options::try_parse_from(format!("mbn-train {line}").split(' ')).unwrap();
        let found = TrainOn::new(folder.path(), None, &options.run.given()).unwrap();
        // The program takes what it suggests.
        let again = Options::try_parse_from(shlex::split(&found.command).unwrap()).unwrap();
        for (key, value) in options.run.given() {
            assert!(again.run.given().contains(&(key, value)), "{}", found.command);
        }
        let path = format!("{}/", folder.path().display());
        (found.command.replace(&path, "r/"), found.advice("other settings"))
    }

    #[test]
    fn the_command_has_every_setting_in_a_form_that_is_taken() {
        for (line, end) in [
            (
                "--data d --alpha 0.25 --no-flip",
                "--data d --alpha 0.25 --no-flip",
            ),
            ("--teacher t --bad-images skip", "--bad-images skip --teacher t"),
            ("--trivial-augment --cutmix", "--trivial-augment=true --cutmix 1"),
            ("--sync-batch-norm=false", "--sync-batch-norm=false"),
            (
                "--crop-scale 0.5 --rand-augment 2,9",
                "--crop-scale '0.5,1' --rand-augment '2,9'",
            ),
            ("--data=-d", "--data=-d"),
        ] {
            let (command, advice) = advice("alpha = 0.25", true, line);
            let start = "mbn-train --config r/settings.toml --init r/best.safetensors";
            assert_eq!(command, format!("{start} {end}"));
            assert!(
                advice.starts_with("to train on from its best weights with other settings"),
                "{advice}"
            );
        }
    }

    #[test]
    fn weights_that_are_missing_or_do_not_fit_are_left_out() {
        for (settings, has_best, line, expected) in [
            ("alpha = 0.25", false, "--epochs 3", "--epochs 3"),
            ("alpha = 0.25", true, "--alpha 0.5", "--alpha 0.5"),
            ("alpha = 0.25", true, "--init w", "--init w"),
            (
                "alpha = 0.25\ninit = 'w'",
                true,
                "--alpha 0.5",
                "--init WEIGHTS --alpha 0.5",
            ),
            ("alpha = 0.25\ninit = 'w'", false, "--epochs 3", "--epochs 3"),
            (
                "alpha = 0.25\nteacher = 't'\ntemperature = 1e10",
                false,
                "--epochs 3",
                "--epochs 3 --temperature 1000",
            ),
            (
                "alpha = 0.25\nteacher = 't'\ntemperature = 1e10",
                false,
                "--temperature 2",
                "--temperature 2",
            ),
        ] {
            let (command, advice) = advice(settings, has_best, line);
            assert_eq!(command, format!("mbn-train --config r/settings.toml {expected}"));
            assert!(advice.starts_with("to train with other settings"), "{advice}");
        }
        let nowhere = TrainOn::new(Path::new("no/such/run"), None, &[]);
        assert_eq!(nowhere, None);
    }
}
