//! `--generate`: a man page and completions, made from the options themselves.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What `--generate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "a comment would become help")]
pub enum Generated {
    Man,
    CompleteBash,
    CompleteZsh,
    CompleteFish,
    CompletePowershell,
}

impl Generated {
    /// Prints it for the program with these options to stdout.
    pub(crate) fn print(self, command: Command) -> Result<()> {
        let bytes = self.bytes(command)?;
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
        written.context("cannot write to stdout")
    }

    fn bytes(self, command: Command) -> Result<Vec<u8>> {
        let shell = match self {
            Self::Man => return Ok(page(command)?),
            Self::CompleteBash => Shell::Bash,
            Self::CompleteZsh => Shell::Zsh,
            Self::CompleteFish => Shell::Fish,
            Self::CompletePowershell => Shell::PowerShell,
        };
        Ok(completions(shell, command))
    }
}

fn completions(shell: Shell, mut command: Command) -> Vec<u8> {
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

/// One page for the program and its commands. Pages of their own for the commands, as `clap_mangen` makes them, would not be found
/// by who reads the program's.
fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let commands: Vec<Command> = command.get_subcommands().cloned().collect();
    let notes = command.get_after_help().map(ToString::to_string);
    let manual = Man::new(with_usage(command)).manual("User Commands");
    let mut page = Vec::new();
    manual.render_title(&mut page)?;
    manual.render_name_section(&mut page)?;
    manual.render_synopsis_section(&mut page)?;
    manual.render_description_section(&mut page)?;
    manual.render_options_section(&mut page)?;
    for command in commands {
        page.extend(section(command)?);
    }
    page.extend(ending(&notes.unwrap_or_default()));
    Ok(page)
}

/// The section of a program's command.
fn section(command: Command) -> io::Result<Vec<u8>> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut roff = Roff::new();
    roff.control("SH", [name.to_uppercase().as_str()]);
    let manual = Man::new(with_usage(command));
    let mut parts = Vec::new();
    manual.render_synopsis_section(&mut parts)?;
    manual.render_description_section(&mut parts)?;
    manual.render_options_section(&mut parts)?;
    // Its parts are one level below the program's.
    let parts = String::from_utf8_lossy(&parts).replace("\n.SH ", "\n.SS ");
    Ok((roff.to_roff() + &parts).into_bytes())
}

/// The command with the usage that `--help` shows. The page would list every option there.
fn with_usage(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    command.override_usage(usage)
}

/// What `--help` says after the options: a paragraph is text, or a heading and indented lines that stay lines.
fn ending(text: &str) -> Vec<u8> {
    let mut roff = Roff::new();
    let mut notes = false;
    for paragraph in text.split("\n\n") {
        let (heading, lines) = paragraph.split_once(":\n").unwrap_or_default();
        if lines.is_empty() || !lines.lines().all(|line| line.starts_with("  ")) {
            roff.control(if notes { "PP" } else { "SH" }, (!notes).then_some("NOTES"));
            notes = true;
            roff.text([roman(paragraph)]);
            continue;
        }
        roff.control("SH", [heading.to_uppercase().as_str()]);
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([bold(line.trim_start())]);
        }
        roff.control("fi", []);
    }
    roff.to_roff().into_bytes()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, Subcommand};

    use super::*;
    use crate::CommonArgs;

    /// Do it
    #[derive(Parser)]
    #[command(
        name = "mbn-it",
        version = "1.2.3",
        after_help = "Examples:\n  mbn-it FILE\n  mbn-it -q\n\nA\nnote.\n\nAnother."
    )]
    struct Options {
        /// What to do it to
        #[arg(required = true)]
        file: Option<String>,
        #[command(subcommand)]
        command: Option<Commands>,
        #[command(flatten)]
        common: CommonArgs,
    }

    #[derive(Subcommand)]
    enum Commands {
        /// Look at it
        Show {
            /// How closely
            #[arg(long)]
            closely: bool,
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

    /// What bash completes the last of these words to.
    fn completed(bash: &str, words: &[&str]) -> Vec<String> {
        let script = text(Generated::CompleteBash)
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

    fn text(what: Generated) -> String {
        String::from_utf8(what.bytes(Options::command()).unwrap()).unwrap()
    }

    #[test]
    fn the_option_needs_no_other() {
        let options = Options::try_parse_from(["mbn-it", "--generate", "man"])
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(options.common.generate, Some(Generated::Man));
        assert!(Options::try_parse_from(["mbn-it", "--generate", "man", "file"]).is_err());
        assert!(Options::try_parse_from(["mbn-it"]).is_err());
    }

    #[test]
    fn one_page_has_the_options_the_commands_and_the_examples() {
        let page = text(Generated::Man);
        for part in [
            ".TH mbn-it 1",
            "mbn\\-it \\- Do it",
            "\\fB\\-\\-log\\-level\\fR",
            ".SH \"MBN-IT SHOW\"",
            "Look at it",
            "\\fB\\-\\-closely\\fR",
            ".SH EXAMPLES\n.nf\n\\fBmbn\\-it FILE\\fR\n\\fBmbn\\-it \\-q\\fR\n.fi\n",
            ".SH NOTES\nA\nnote.\n.PP\nAnother.\n",
        ] {
            assert!(page.contains(part), "{part}:\n{page}");
        }
    }

    #[test]
    fn completions_are_those_of_the_shell() {
        for (what, part) in [
            (Generated::CompleteBash, "complete -F _mbn__it"),
            (Generated::CompleteZsh, "#compdef mbn-it"),
            (Generated::CompleteFish, "complete -c mbn-it"),
            (Generated::CompletePowershell, "Register-ArgumentCompleter"),
        ] {
            let script = text(what);
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
            // Options of another command are none of its own.
            (&["mbn-it", "show", "--fr"], &[]),
        ] {
            assert_eq!(completed(bash, words), expected, "{words:?}");
        }
    }
}
