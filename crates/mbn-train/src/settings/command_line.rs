//! The settings as options of the command line.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use super::setting::Setting;
use super::table::SETTINGS;
use super::{Recipe, RunArgs};

impl Args for RunArgs {
    fn augment_args(command: Command) -> Command {
        command.args(SETTINGS.iter().flat_map(options))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RunArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        let mut args = Self::default();
        args.take(matches);
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.update_from_arg_matches_mut(&mut matches.clone())
    }

    fn update_from_arg_matches_mut(&mut self, matches: &mut ArgMatches) -> Result<(), Error> {
        self.take(matches);
        Ok(())
    }
}

/// The option of a setting, and the flag that switches it off.
fn options(setting: &Setting) -> Vec<Arg> {
    let heading = setting.group.heading();
    let mut options = Vec::new();
    if !setting.value.is_empty() {
        let option = Arg::new(setting.name)
            .long(setting.key)
            .value_name(setting.value)
            .value_parser((setting.parser)())
            .hide_possible_values(true)
            .help(help(setting))
            .help_heading(heading);
        options.push(
            setting
                .options
                .iter()
                .fold(option, |option, change| change(option)),
        );
    }
    options.extend(setting.off.iter().map(|off| {
        Arg::new(off.name)
            .long(off.flag)
            .action(ArgAction::SetTrue)
            .help(off.help)
            .help_heading(heading)
    }));
    options
}

/// What a setting does and its default.
fn help(setting: &Setting) -> String {
    let [usual, others @ ..] = Recipe::ALL.map(|recipe| (recipe.name(), setting.default_of(recipe)));
    let mut defaults = usual.1.clone();
    for (name, default) in others {
        if default != usual.1 {
            defaults.push_str(&format!(", {name}: {default}"));
        }
    }
    format!("{} [default: {defaults}]", setting.help())
}
