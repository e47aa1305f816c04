//! Options before a subcommand. The parser takes what stands behind an option for a positional argument, also a subcommand's name.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

/// The options before a subcommand.
#[derive(Debug, PartialEq, Eq)]
struct Leading {
    /// The index of the subcommand's name.
    subcommand: usize,
    /// The first option that the subcommand does not have.
    foreign: Option<String>,
}

impl Leading {
    /// Those of a command line; `None` without a subcommand that has options before it.
    fn of(command: &Command, arguments: &[OsString]) -> Option<Self> {
        let (mut at, mut foreign) = (1, None);
        while let Some(argument) = arguments.get(at) {
            let text = argument.to_str()?;
            let Some(option) = text.strip_prefix('-') else {
                command.find_subcommand(text).filter(|_| at > 1)?;
                let subcommand = at;
                return Some(Self { subcommand, foreign });
            };
            let (found, has_value) = find(command, option)?;
            if !found.is_global_set() && foreign.is_none() {
                foreign = Some(text.split('=').next().unwrap_or(text).to_owned());
            }
            let takes_next = found.get_action().takes_values() && !has_value;
            at += if takes_next { 2 } else { 1 };
        }
        None
    }
}

/// The option that an argument names, without its first dash, and whether its value is in the argument too.
fn find<'c>(command: &'c Command, option: &str) -> Option<(&'c Arg, bool)> {
    let by = |is_named: &dyn Fn(&Arg) -> bool| command.get_arguments().find(|arg| is_named(arg));
    if let Some(long) = option.strip_prefix('-') {
        let (name, value) = long
            .split_once('=')
            .map_or((long, None), |(name, value)| (name, Some(value)));
        return by(&|arg| arg.get_long() == Some(name)).map(|arg| (arg, value.is_some()));
    }
    let mut letters = option.chars();
    let letter = letters.next()?;
    let found = by(&|arg| arg.get_short() == Some(letter))?;
    let has_rest = letters.next().is_some();
    // Several letters may be several options.
    (found.get_action().takes_values() || !has_rest).then_some((found, has_rest))
}

/// The arguments with options that every subcommand has, such as `-q`, behind its name instead of before it.
pub(crate) fn reordered(command: &Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    if let Some(leading) = Leading::of(command, &arguments)
        && leading.foreign.is_none()
    {
        arguments[1..=leading.subcommand].rotate_right(1);
    }
    arguments
}

/// The error about a conflict, or one that names the option that stands before the subcommand, if that is why.
pub(crate) fn explained(error: Error, command: &mut Command, arguments: &[OsString]) -> Error {
    let leading = match error.kind() {
        ErrorKind::ArgumentConflict | ErrorKind::UnknownArgument => Leading::of(command, arguments),
        _ => None,
    };
    let Some((subcommand, option)) = leading.and_then(|leading| Some((leading.subcommand, leading.foreign?)))
    else {
        return error;
    };
    let name = arguments
        .get(subcommand)
        .map(OsString::as_os_str)
        .map(OsStr::to_string_lossy);
    let name = name.unwrap_or_default();
    let text =
        format!("`{option}` does not go with the subcommand `{name}`, whose own options follow its name");
    command.error(ErrorKind::ArgumentConflict, text)
}

#[cfg(test)]
mod tests {
    use clap::{Parser, Subcommand};

    use super::*;
    use crate::CommonArgs;

    #[derive(Parser)]
    #[command(name = "program", args_conflicts_with_subcommands = true)]
    struct Options {
        #[command(subcommand)]
        command: Option<Examine>,
        out: Option<String>,
        #[arg(long)]
        alpha: Option<f32>,
        #[command(flatten)]
        common: CommonArgs,
    }

    #[derive(Subcommand)]
    enum Examine {
        /// Shows a file
        Show { file: String },
    }

    fn parse(line: &str) -> Result<Options, String> {
        let mut command = <Options as clap::CommandFactory>::command();
        let arguments = line.split(' ').map(OsString::from).collect();
        let arguments = reordered(&command, arguments);
        let matches = command.try_get_matches_from_mut(arguments.clone());
        let matches = matches.map_err(|error| explained(error, &mut command, &arguments).to_string())?;
        <Options as clap::FromArgMatches>::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn options_of_every_subcommand_may_stand_before_it() {
        for line in [
            "program show -q --log-level debug x",
            "program -q show --log-level debug x",
            "program --quiet --log-level debug show x",
            "program --log-level=debug -q show x",
        ] {
            let options = parse(line).unwrap();
            let Some(Examine::Show { file }) = options.command else {
                panic!("no subcommand: {line}");
            };
            assert_eq!(file, "x");
            assert!(
                options.common.quiet && format!("{:?}", options.common.log_level) == "Debug",
                "{line}"
            );
        }
        // Everything else is as it was: a value, and a file of this name.
        let options = parse("program --alpha 1 -q out").unwrap();
        assert!(options.command.is_none() && options.common.quiet && options.out.as_deref() == Some("out"));
        assert_eq!(
            parse("program --alpha 1 show").unwrap().out.as_deref(),
            Some("show")
        );
        assert_eq!(parse("program -q -- show").unwrap().out.as_deref(), Some("show"));
    }

    #[test]
    fn other_options_before_a_subcommand_are_named() {
        for line in ["program --threads 2 show x", "program -q --threads=2 show x"] {
            let error = parse(line).err().unwrap();
            assert!(
                error.contains("`--threads` does not go with the subcommand `show`"),
                "{error}"
            );
        }
        let error = parse("program --gone show x").err().unwrap();
        assert!(error.contains("--gone"), "{error}");
    }
}
