//! `--generate`: a man page and completions, made from the options themselves.

mod completions;

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
        Ok(completions::of(shell, command))
    }
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
}
