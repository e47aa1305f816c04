//! What the parser misunderstands: options before a subcommand, behind which it takes the subcommand's name for a positional
//! argument, and a word that belongs to an option, which it takes for a subcommand.

use std::ffi::{OsStr, OsString};

use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};
use mbn_weights::is_weight_file;

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

/// The parser's error, or one that says what is wrong: an option that stands before the subcommand, or a word that is none.
pub(crate) fn explained(error: Error, command: &mut Command, arguments: &[OsString]) -> Error {
    let is_conflict = matches!(
        error.kind(),
        ErrorKind::ArgumentConflict | ErrorKind::UnknownArgument
    );
    if is_conflict && let Some((subcommand, option)) = before_subcommand(command, arguments) {
        let text = format!(
            "`{option}` does not go with the subcommand `{subcommand}`, whose own options follow its name"
        );
        return command.error(ErrorKind::ArgumentConflict, text);
    }
    if let Some(word) = second_positional(&error, command) {
        let tip = weights_tip(command, arguments, &word);
        let tip = tip.map_or_else(String::new, |tip| format!("\n\n  tip: {tip}"));
        let text = format!("unexpected argument '{word}' found{tip}");
        return command.error(ErrorKind::UnknownArgument, text);
    }
    match stray(&error, command) {
        Some(word) => {
            let tip =
                tip(command, arguments, &word).map_or_else(String::new, |tip| format!("\n\n  tip: {tip}"));
            command.error(
                ErrorKind::UnknownArgument,
                format!("unexpected argument '{word}' found{tip}"),
            )
        }
        None => error,
    }
}

/// A subcommand's name, and the option before it that it does not have.
fn before_subcommand(command: &Command, arguments: &[OsString]) -> Option<(String, String)> {
    let leading = Leading::of(command, arguments)?;
    let name = arguments
        .get(leading.subcommand)
        .map(OsString::as_os_str)
        .map(OsStr::to_string_lossy);
    Some((name.unwrap_or_default().into_owned(), leading.foreign?))
}

/// The word that the parser takes for a subcommand although it is not like any. None if the program has positional arguments.
fn stray(error: &Error, command: &Command) -> Option<String> {
    let ContextValue::String(word) = error.get(ContextKind::InvalidSubcommand)? else {
        return None;
    };
    let is_like_one = error.get(ContextKind::SuggestedSubcommand).is_some();
    let is_other = !is_like_one && command.find_subcommand(word).is_none();
    (is_other && command.get_positionals().next().is_none()).then(|| word.clone())
}

/// The word behind the only positional argument, which the parser takes for a subcommand.
fn second_positional(error: &Error, command: &Command) -> Option<String> {
    let ContextValue::String(word) = error.get(ContextKind::InvalidSubcommand)? else {
        return None;
    };
    let has_positional = command.get_positionals().next().is_some();
    let is_other = error.kind() == ErrorKind::ArgumentConflict && command.find_subcommand(word).is_none();
    (has_positional && is_other).then(|| word.clone())
}

/// How weights and the file to write are given, if the word before this one names weights.
fn weights_tip(command: &Command, arguments: &[OsString], word: &str) -> Option<String> {
    command
        .get_arguments()
        .find(|option| option.get_long() == Some("weights"))?;
    let at = arguments.iter().skip(1).position(|argument| argument == word)?;
    let before = arguments
        .get(at)
        .map(Path::new)
        .filter(|before| is_weight_file(before))?;
    Some(format!("write '--weights {} {word}'", before.display()))
}

/// The option that the word is for: the one before it, which takes a value only after `=`, or the one that names a folder.
fn tip(command: &Command, arguments: &[OsString], word: &str) -> Option<String> {
    let at = arguments.iter().skip(1).position(|argument| argument == word)?;
    let before = arguments.get(at).and_then(|argument| argument.to_str());
    let before = before.and_then(|text| text.strip_prefix('-'));
    let option = before.and_then(|option| find(command, option));
    if let Some(name) = option
        .filter(|(option, has_value)| option.is_require_equals_set() && !has_value)
        .and_then(|(option, _)| option.get_long())
    {
        return Some(format!("write '--{name}={word}'"));
    }
    let names_folder = |option: &&Arg| {
        option
            .get_value_names()
            .is_some_and(|names| names.iter().any(|name| name.as_str() == "DIR"))
    };
    let option = command.get_arguments().find(names_folder)?.get_long()?;
    Path::new(word)
        .is_dir()
        .then(|| format!("write '--{option} {word}' for a folder"))
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
        #[arg(long)]
        weights: Option<String>,
        #[command(flatten)]
        common: CommonArgs,
    }

    #[derive(Debug, Subcommand)]
    enum Examine {
        /// Shows a file
        Show { file: String },
    }

    /// A program without positional arguments.
    #[derive(Debug, Parser)]
    #[command(name = "program", args_conflicts_with_subcommands = true)]
    struct Named {
        #[command(subcommand)]
        command: Option<Examine>,
        #[arg(long, value_name = "DIR")]
        data: Option<String>,
        #[arg(long, num_args(0..=1), require_equals(true), default_missing_value("true"))]
        crop: Option<bool>,
    }

    fn parse_as<A: Parser>(line: &str) -> Result<A, String> {
        let mut command = A::command();
        let arguments = line.split(' ').map(OsString::from).collect();
        let arguments = reordered(&command, arguments);
        let matches = command.try_get_matches_from_mut(arguments.clone());
        let matches = matches.map_err(|error| explained(error, &mut command, &arguments).to_string())?;
        A::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    fn parse(line: &str) -> Result<Options, String> {
        parse_as(line)
    }

    #[test]
    fn a_second_positional_argument_is_no_subcommand() {
        let error = parse("program runs/a/best.safetensors x.onnx").err().unwrap();
        assert!(error.contains("unexpected argument 'x.onnx' found"), "{error}");
        let tip = "tip: write '--weights runs/a/best.safetensors x.onnx'";
        assert!(error.contains(tip), "{error}");
        let error = parse("program a.onnx x.onnx").err().unwrap();
        assert!(error.contains("'x.onnx'") && !error.contains("tip"), "{error}");
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

    #[test]
    fn a_word_that_belongs_to_an_option_is_not_called_a_subcommand() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().display().to_string();
        for (line, tip) in [
            (
                "program --crop false".to_owned(),
                "write '--crop=false'".to_owned(),
            ),
            (
                "program --data x --crop true".to_owned(),
                "write '--crop=true'".to_owned(),
            ),
            (
                format!("program {folder}"),
                format!("write '--data {folder}' for a folder"),
            ),
            (
                format!("program --crop=false {folder}"),
                format!("write '--data {folder}'"),
            ),
        ] {
            let error = parse_as::<Named>(&line).unwrap_err();
            let word = line.rsplit(' ').next().unwrap();
            assert!(
                error.contains(&format!("unexpected argument '{word}' found")),
                "{error}"
            );
            assert!(error.contains(&tip) && !error.contains("subcommand"), "{error}");
        }
        let error = parse_as::<Named>("program --data x gone").unwrap_err();
        assert!(
            error.contains("unexpected argument 'gone' found") && !error.contains("tip"),
            "{error}"
        );
        // A subcommand's name with a letter wrong, and one behind another option.
        let error = parse_as::<Named>("program shwo x").unwrap_err();
        assert!(error.contains("a similar subcommand exists: 'show'"), "{error}");
        let error = parse_as::<Named>("program --data x show y").unwrap_err();
        assert!(
            error.contains("`--data` does not go with the subcommand `show`"),
            "{error}"
        );
    }
}
