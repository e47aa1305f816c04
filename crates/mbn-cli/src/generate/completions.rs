//! What a shell completes, as a script for it.

use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::{Command, ValueHint};
use clap_complete::Shell;
use mbn_spec::{Alpha, Interpolation};

/// Parts of the names of values that are files or folders.
const PATHS: [&str; 8] = [
    "FILE", "DIR", "PATH", "MODEL", "WEIGHTS", "RUN", "IMAGES", "INPUT",
];

/// The script that completes a program's options.
pub(super) fn of(shell: Shell, command: Command) -> Vec<u8> {
    let mut command = with_values(command);
    let name = command.get_name().to_owned();
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut command, &name, &mut bytes);
    match shell {
        Shell::Bash => with_equal_names(&name, &String::from_utf8_lossy(&bytes)).into_bytes(),
        _ => bytes,
    }
}

/// The script for bash with one name for each of the program's commands. `clap_complete` (4.6) sets `mbn__infer__subcmd__bench`
/// and then looks for `mbn__subcmd__infer__subcmd__bench`, where the program's name has a hyphen: no command is completed.
fn with_equal_names(program: &str, script: &str) -> String {
    let below = |separator: &str| program.replace('-', separator) + "__subcmd__";
    script.replace(&below("__subcmd__"), &below("__"))
}

/// The command with what can be completed of its options' values. Bash completes names of files where nothing is said.
fn with_values(command: Command) -> Command {
    command
        .mut_args(|option| {
            let name = option.get_value_names().unwrap_or_default().join(" ");
            match values(&name) {
                _ if !option.get_action().takes_values() || !option.get_possible_values().is_empty() => {
                    option
                }
                _ if is_path(&name) => option,
                values if values.is_empty() => option.value_hint(ValueHint::Other),
                values => option.value_parser(PossibleValuesParser::new(values)),
            }
        })
        .mut_subcommands(with_values)
}

fn is_path(value: &str) -> bool {
    // Not of `N,...`, a list.
    let extension = Path::new(value)
        .extension()
        .filter(|extension| !extension.is_empty());
    extension.is_some() || PATHS.iter().any(|part| value.contains(part))
}

/// The fixed ones of a value's alternatives, such as those of `none|balanced`.
fn values(value: &str) -> Vec<String> {
    match value {
        "ALPHA" => Alpha::ALL.iter().map(ToString::to_string).collect(),
        "DEVICE" => ["auto", "cpu", "cuda"].map(str::to_owned).to_vec(),
        "FILTER" => Interpolation::ALL.iter().map(ToString::to_string).collect(),
        _ => {
            let is_fixed = |text: &&str| {
                text.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            };
            value.split('|').filter(is_fixed).map(str::to_owned).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

    use super::*;
    use crate::DeviceChoice;

    /// Do it
    #[derive(Parser)]
    #[command(name = "mbn-it")]
    struct Options {
        /// What to do it to
        file: Option<String>,
        /// Where
        #[arg(long)]
        device: Option<DeviceChoice>,
        /// How
        #[arg(long, value_name = "relu|relu6|HOW")]
        how: Option<String>,
        /// How often
        #[arg(long, value_name = "N,...")]
        times: Option<usize>,
        #[command(subcommand)]
        command: Option<Commands>,
    }

    #[derive(Subcommand)]
    enum Commands {
        /// Look at it
        Show {
            /// How closely
            #[arg(long)]
            closely: bool,
            /// With what
            #[arg(long, value_name = "OTHER.toml")]
            with: Option<String>,
        },
        /// Look behind it
        LookBehind {
            /// From where
            #[arg(long, value_enum)]
            from: Option<Side>,
        },
    }

    #[derive(Clone, ValueEnum)]
    enum Side {
        Left,
        Right,
    }

    fn script(shell: Shell) -> String {
        String::from_utf8(of(shell, Options::command())).unwrap()
    }

    /// What bash completes the last of these words to.
    fn completed(bash: &str, words: &[&str]) -> Vec<String> {
        let script = script(Shell::Bash)
            + "COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _mbn__it \"$1\" \"${!#}\" \"${COMP_WORDS[$# - 2]}\"\n\
               printf '%s\\n' \"${COMPREPLY[@]}\"\n";
        let output = std::process::Command::new(bash)
            .args(["--norc", "-c", &script, "bash"])
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let found = String::from_utf8(output.stdout).unwrap();
        found.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn completions_are_those_of_the_shell() {
        for (shell, part) in [
            (Shell::Bash, "complete -F _mbn__it"),
            (Shell::Zsh, "#compdef mbn-it"),
            (Shell::Fish, "complete -c mbn-it"),
            (Shell::PowerShell, "Register-ArgumentCompleter"),
        ] {
            let script = script(shell);
            assert!(script.contains(part) && script.contains("closely"), "{script}");
        }
    }

    /// Every command of the program, and what lies below `help`, completes its own options.
    #[test]
    fn bash_completes_commands() {
        let bash = "bash";
        if std::process::Command::new(bash)
            .arg("--version")
            .output()
            .is_err()
        {
            mbn_testing::skip(mbn_testing::Needs::Other, "there is no `bash`");
            return;
        }
        let mut program = Options::command();
        program.build();
        for command in program.get_subcommands() {
            let options = command.get_arguments().filter_map(|argument| argument.get_long());
            for option in options {
                let option = format!("--{option}");
                let words = ["mbn-it", command.get_name(), &option];
                assert_eq!(
                    completed(bash, &words),
                    std::slice::from_ref(&option),
                    "{words:?}"
                );
            }
        }
        for (words, expected) in [
            (&["mbn-it", "sh"][..], &["show"][..]),
            (&["mbn-it", "show", "--clo"], &["--closely"]),
            (&["mbn-it", "look-behind", "--fr"], &["--from"]),
            (&["mbn-it", "look-behind", "--from", "r"], &["right"]),
            (&["mbn-it", "help", "look"], &["look-behind"]),
            (&["mbn-it", "--device", ""], &["auto", "cpu", "cuda"]),
            (&["mbn-it", "--how", "relu6"], &["relu6"]),
            // What is no file stays as it was typed.
            (&["mbn-it", "--times", "Cargo."], &["Cargo."]),
            (&["mbn-it", "show", "--with", "Cargo."], &["Cargo.toml"]),
            // Options of another command are none of its own.
            (&["mbn-it", "show", "--fr"], &[]),
        ] {
            assert_eq!(completed(bash, words), expected, "{words:?}");
        }
    }
}
