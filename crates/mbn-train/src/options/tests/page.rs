//! `docs/settings.md`: the table of settings as a page.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory, Parser};

use crate::options::Options;
use crate::settings::{DEFAULT_DATA, Group, Recipe, SETTINGS, Setting, Settings};

const INTRODUCTION: &str = "\
# Settings

What the result of a run depends on. Each setting is an option of `mbn-train`, and a key of `--config` files under the same
name without the dashes; `settings.toml` in the run folder has all that have a value. The command line overrides the file, and
the file overrides the defaults. `training.md` explains them. The four columns after the
meaning have the defaults of the recipes.

`mbn-train`'s tests write this page: `MBN_WRITE_DOCS=1 cargo test -p mbn-train settings_page`.
";

/// The page in Markdown.
fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut command = Options::command();
    command.build();
    for group in groups() {
        let _ = write!(
            page,
            "\n## {}\n\n\
             | option | meaning | {} | in a file |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n",
            group.heading(),
            Recipe::ALL
                .map(|recipe| format!("`{}`", recipe.name()))
                .join(" | ")
        );
        let rows = SETTINGS.iter().filter(|setting| setting.group == group);
        page.extend(rows.map(|setting| row(setting, &command)));
    }
    page
}

/// The groups, in the order of the settings.
fn groups() -> Vec<Group> {
    let mut groups = Vec::new();
    for setting in SETTINGS {
        if !groups.contains(&setting.group) {
            groups.push(setting.group);
        }
    }
    groups
}

fn row(setting: &Setting, command: &Command) -> String {
    let is_its_option = |option: &&Arg| {
        let id = option.get_id().as_str();
        id == setting.name || setting.off.iter().any(|off| id == off.name)
    };
    let options: Vec<_> = command
        .get_arguments()
        .filter(is_its_option)
        .map(|option| format!("`{}`", option.to_string().replace('|', "\\|")))
        .collect();
    format!(
        "| {} | {} | {} | `{}` |\n",
        options.join(", "),
        meaning(setting),
        Recipe::ALL.map(|recipe| setting.default_of(recipe)).join(" | "),
        in_file(setting),
    )
}

/// The help of the setting, and of the flag that switches it off.
fn meaning(setting: &Setting) -> String {
    let mut meaning = setting.help().to_owned();
    for off in setting.off {
        let _ = write!(meaning, "; `--{}`: {}", off.flag, off.help);
    }
    meaning
}

/// The example as a line of a configuration file.
fn in_file(setting: &Setting) -> String {
    let key = setting.key;
    let settings = example(setting);
    let table = toml::Table::try_from(&settings).unwrap();
    format!("{key} = {}", table[key])
}

/// The settings that result from the example of a setting on the command line.
pub(crate) fn example(setting: &Setting) -> Settings {
    let mut line = vec!["mbn-train".to_owned()];
    match setting.off {
        [off] if setting.value.is_empty() => line.push(format!("--{}", off.flag)),
        _ => line.push(format!("--{}={}", setting.key, setting.example)),
    }
    if ["init_classes", "freeze"].contains(&setting.name) {
        line.push("--init=start.safetensors".to_owned());
    }
    if setting.name == "shorter" {
        line.push("--resize=crop".to_owned());
    }
    if ["distill_weight", "temperature"].contains(&setting.name) {
        line.push("--teacher=teacher.safetensors".to_owned());
    }
    let args = Options::try_parse_from(line).unwrap().run_args().unwrap();
    let data = args.data.clone().unwrap_or_else(|| DEFAULT_DATA.into());
    Settings::resolve(args, data, None).unwrap()
}

/// With `MBN_WRITE_DOCS` set, writes the page instead.
#[test]
fn the_settings_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    if std::env::var_os("MBN_WRITE_DOCS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        page(),
        "`docs/settings.md` is out of date; `MBN_WRITE_DOCS=1 cargo test -p mbn-train settings_page` writes it"
    );
}
