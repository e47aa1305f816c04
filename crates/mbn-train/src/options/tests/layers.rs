//! What a file states counts, whatever else the file and the command line state.

use std::path::{Path, PathBuf};

use clap::Parser;

use super::page::example;
use crate::options::Options;
use crate::settings::{Recipe, RunArgs, SETTINGS, Settings};

/// Settings from which others' defaults follow.
const DECIDING: [&str; 4] = ["recipe", "optimizer", "epochs", "batch-size"];

fn line(words: &str) -> Options {
    let words = ["mbn-train"].into_iter().chain(words.split_whitespace());
    Options::try_parse_from(words).unwrap()
}

/// What a configuration file and the options of a line state.
fn args(folder: &Path, file: &toml::Table, line: &Options) -> RunArgs {
    let path = folder.join("c.toml");
    std::fs::write(&path, file.to_string()).unwrap();
    let options = Options {
        config: Some(path),
        ..line.clone()
    };
    options.run_args().unwrap()
}

/// The settings that follow from them.
fn settings(folder: &Path, file: &toml::Table, line: &Options) -> Settings {
    Settings::resolve(args(folder, file, line), "d".into(), None).unwrap()
}

fn stated(args: &RunArgs, key: &str) -> Option<String> {
    let given = args.given().into_iter().find(|(name, _)| *name == key);
    given.and_then(|(_, value)| value)
}

fn value(settings: &Settings, key: &str) -> Option<toml::Value> {
    toml::Table::try_from(settings).unwrap().remove(key)
}

/// A file of a run that starts from weights, with a recipe if there is one.
fn file(recipe: Option<Recipe>) -> toml::Table {
    let text = "init = 'w'\nteacher = 't'";
    let mut file: toml::Table = text.parse().unwrap();
    if let Some(recipe) = recipe {
        file.insert("recipe".into(), recipe.name().into());
    }
    file
}

/// Each setting alone, with its example and with the default of every recipe, in files of every recipe and of none, complete
/// or not. Only in a complete file may a value be left out, and only one that is the file's own default.
#[test]
fn a_value_in_a_file_is_kept_unless_it_is_the_default_of_a_complete_file() {
    let folder = tempfile::tempdir().unwrap();
    let alone = line("");
    let lines = [
        "--epochs 30",
        "--optimizer adamw --batch-size 16",
        "--recipe fine-tune",
    ]
    .map(line);
    let of_recipes = Recipe::ALL.map(|recipe| settings(folder.path(), &file(Some(recipe)), &alone));
    let examples: Vec<_> = SETTINGS
        .iter()
        .map(|setting| (setting.key, value(&example(setting), setting.key)))
        .filter(|(key, _)| !DECIDING.contains(key) && *key != "data")
        .collect();
    for recipe in Recipe::ALL.map(Some).into_iter().chain([None]) {
        let short = file(recipe);
        let mut complete = short.clone();
        complete.insert("optimizer".into(), "sgd".into());
        complete.insert("epochs".into(), 40.into());
        complete.insert("batch-size".into(), 32.into());
        for (base, is_complete) in [(short, false), (complete, recipe.is_some())] {
            let own = settings(folder.path(), &base, &alone);
            for (key, example) in &examples {
                let mut values: Vec<_> = of_recipes.iter().filter_map(|other| value(other, key)).collect();
                values.extend(example.clone());
                values.dedup();
                for of_file in values {
                    let mut with = base.clone();
                    with.insert((*key).to_owned(), of_file.clone());
                    let is_default = value(&own, key).as_ref() == Some(&of_file);
                    let alone = args(folder.path(), &with, &alone);
                    assert!(stated(&alone, key).is_some());
                    for line in &lines {
                        let found = stated(&args(folder.path(), &with, line), key);
                        assert!(
                            found == stated(&alone, key) || (found.is_none() && is_complete && is_default),
                            "{key} is {found:?} with {:?} over\n{with}",
                            line.run.given()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn class_names_go_with_the_weights_that_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let names = |text: &str, words: &str| {
        let found = args(folder.path(), &text.parse().unwrap(), &line(words));
        (found.init.unwrap(), found.init_classes)
    };
    let (w, v, n) = (PathBuf::from("w"), PathBuf::from("v"), PathBuf::from("n"));
    let file = "init = 'w'\ninit-classes = 'n'";
    assert_eq!(names(file, ""), (w.clone(), Some(n.clone())));
    assert_eq!(names(file, "--init w"), (w.clone(), Some(n.clone())));
    assert_eq!(names(file, "--init v"), (v.clone(), None));
    let other = names(file, "--init v --init-classes m");
    assert_eq!(other, (v.clone(), Some("m".into())));
    assert_eq!(names(file, "--init-classes m"), (w, Some("m".into())));
    assert_eq!(names("init-classes = 'n'", "--init v"), (v, Some(n)));
}

/// What the command line drops goes with what belongs to it, and nothing else does.
#[test]
fn switches_drop_what_a_file_states() {
    let folder = tempfile::tempdir().unwrap();
    let text = "init = 'w'\ninit-classes = 'c'\nfreeze = 3\nrecipe = 'classifier'\nteacher = 't'\ndistill-weight = 0.5\ntemperature = 2.0\n\
                val-fraction = 0.3\nseed = 7";
    let file: toml::Table = text.parse().unwrap();
    let all = [
        "init",
        "init-classes",
        "freeze",
        "recipe",
        "teacher",
        "distill-weight",
        "temperature",
        "val-fraction",
        "seed",
    ];
    for (words, dropped) in [
        ("", &[][..]),
        ("--no-init", &["init", "init-classes", "freeze", "recipe"]),
        ("--no-init --recipe plain", &["init", "init-classes", "freeze"]),
        ("--no-teacher", &["teacher", "distill-weight", "temperature"]),
        ("--no-val-fraction", &["val-fraction"]),
    ] {
        let args = args(folder.path(), &file, &line(words));
        for key in all {
            let is_kept = stated(&args, key).is_some();
            assert_eq!(is_kept, !dropped.contains(&key), "`{key}` with `{words}`");
        }
        assert!(!args.no_init && !args.no_teacher && !args.no_val_fraction);
    }
    let both = Options::try_parse_from(["mbn-train", "--init", "w", "--no-init"]);
    assert!(both.is_err());
}

/// The epochs of a saved file are its recipe's until somebody asks for others.
#[test]
fn epochs_follow_the_recipe_unless_the_file_has_others() {
    let folder = tempfile::tempdir().unwrap();
    let saved = |recipe: Recipe, epochs: i64| {
        let mut file = file(Some(recipe));
        file.insert("optimizer".into(), "sgd".into());
        file.insert("batch-size".into(), 32.into());
        file.insert("epochs".into(), epochs.into());
        file
    };
    for (recipe, epochs, words, expected) in [
        (Recipe::Strong, 50, "--recipe fine-tune", 10),
        (Recipe::Strong, 50, "--recipe plain", 50),
        (Recipe::FineTune, 10, "--recipe strong --no-init", 50),
        (Recipe::FineTune, 10, "--no-init", 50),
        (Recipe::Classifier, 10, "--recipe fine-tune", 10),
        (Recipe::FineTune, 10, "--recipe fine-tune --batch-size 16", 10),
        (Recipe::Strong, 50, "--no-init", 50),
        // Somebody asked for these.
        (Recipe::Strong, 40, "--recipe fine-tune", 40),
        (Recipe::FineTune, 20, "--no-init", 20),
        (Recipe::Strong, 50, "--recipe fine-tune --epochs 7", 7),
        // The same number, and the same recipe.
        (Recipe::FineTune, 50, "--recipe strong", 50),
        (Recipe::Strong, 50, "--optimizer adamw", 50),
        (Recipe::FineTune, 10, "", 10),
    ] {
        let found = settings(folder.path(), &saved(recipe, epochs), &line(words));
        assert_eq!(found.epochs.get(), expected, "{recipe:?}, {epochs}, `{words}`");
    }
}
