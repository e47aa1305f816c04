//! Whether a folder is free for a new run: nothing that lies in it may be replaced.

use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_cli::{Hint, text_file};
use mbn_spec::text::joined;

use super::names::{AUGMENTED, FILES, RATES, SEARCH_FILES, SETTINGS, STATE};
use crate::again;
use crate::settings::Settings;
use crate::settings::file::HEADER;

/// The first line of [`RATES`].
const RATES_HEADER: &str = "learning_rate,step,loss";

/// Refuses a folder with a run, or with files that have the names of a run's and may be the user's own. What a start with the same
/// settings left that came to nothing may be replaced, and so may what a finished search has beside its rates, which stay.
pub(super) fn require_vacant(folder: &Path, settings: &Settings) -> Result<()> {
    require_folder(folder)?;
    if folder.join(STATE).exists() {
        return Err(anyhow!("run folder `{}` already holds a run", folder.display())).hint(|| {
            format!(
                "continue it with `{}`, or choose another `--out`",
                again::resume(folder)
            )
        });
    }
    match is_left_of_the_same(folder, settings) || is_of_finished_search(folder) {
        true => Ok(()),
        false => require_no_files(folder, &FILES, "a run"),
    }
}

/// Refuses a folder with the results of a search, which another would replace.
pub(super) fn require_no_search(folder: &Path) -> Result<()> {
    require_no_files(folder, &SEARCH_FILES, "a search")
}

/// Refuses a folder with files of these names, which a run or a search writes.
fn require_no_files(folder: &Path, names: &[&str], writer: &str) -> Result<()> {
    let found = found(folder, names);
    if found.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = found.iter().map(|name| format!("`{name}`")).collect();
    Err(anyhow!(
        "run folder `{}` holds no run that can be resumed, but has {} already, named as those that {writer} writes",
        folder.display(),
        joined(&named),
    ))
    .hint(|| format!("choose another `--out`, or move what is there away: {writer} would replace it"))
}

/// Those of `names` that are in the folder, also as links that lead nowhere.
fn found<'a>(folder: &Path, names: &[&'a str]) -> Vec<&'a str> {
    let is_there = |name: &&str| folder.join(name).symlink_metadata().is_ok();
    names.iter().copied().filter(is_there).collect()
}

/// Whether the folder holds what a search for a learning rate with these very settings wrote before it was stopped, and no results:
/// the search writes the same again.
pub(super) fn is_left_of_the_same(folder: &Path, settings: &Settings) -> bool {
    let is_same = || {
        let there = text_file::read(&folder.join(SETTINGS)).ok();
        there.is_some() && there == settings.to_toml().ok().map(String::into_bytes)
    };
    has_only_settings(folder) && found(folder, &SEARCH_FILES).is_empty() && is_same()
}

/// Whether the folder holds a finished search for a learning rate, with any settings, and no other file that a run writes.
pub(super) fn is_of_finished_search(folder: &Path) -> bool {
    let read = |name| text_file::read(&folder.join(name)).ok();
    let text = |name| String::from_utf8(read(name)?).ok();
    let are_settings = || {
        let saved = text(SETTINGS)?;
        toml::from_str::<Settings>(&saved)
            .ok()
            .filter(|_| saved.starts_with(HEADER))
    };
    let are_rates = || text(RATES).is_some_and(|rates| rates.lines().next() == Some(RATES_HEADER));
    has_only_settings(folder) && are_rates() && are_settings().is_some()
}

/// Whether the folder has settings, perhaps with the pictures of a first batch, and no other file of a run.
fn has_only_settings(folder: &Path) -> bool {
    let found = found(folder, &FILES);
    found.contains(&SETTINGS) && found.iter().all(|name| [SETTINGS, AUGMENTED].contains(name))
}

/// Refuses a file in place of the folder, and a link that leads to nothing.
fn require_folder(folder: &Path) -> Result<()> {
    let what = match (folder.metadata(), folder.read_link()) {
        (Ok(found), _) if found.is_dir() => return Ok(()),
        (Ok(_), _) => "is a file, expected a folder or a name that is free".to_owned(),
        (Err(error), Ok(target)) => {
            format!(
                "is a link to `{}`, which cannot be read ({error})",
                target.display()
            )
        }
        // Whether it can be made is another question.
        (Err(_), Err(_)) => return Ok(()),
    };
    Err(anyhow!("run folder `{}` {what}", folder.display()))
        .hint(|| "choose another `--out`, or remove it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RunArgs;

    #[test]
    fn what_lies_in_the_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let settings = Settings::resolve(RunArgs::default(), "d".into(), None).unwrap();
        let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
        require_vacant(&path.join("new"), &settings).unwrap();
        write("notes.txt", "mine");
        require_vacant(path, &settings).unwrap();
        for name in &FILES {
            write(name, "mine");
            let error = mbn_cli::message(&require_vacant(path, &settings).unwrap_err());
            let expected = if *name == STATE { "--resume" } else { name };
            assert!(error.contains(expected) && error.contains("hint:"), "{error}");
            std::fs::remove_file(path.join(name)).unwrap();
        }
        write("curves.png", "mine");
        write("summary.json", "mine");
        let error = require_vacant(path, &settings).unwrap_err().to_string();
        assert!(
            error.contains("has `curves.png` and `summary.json` already"),
            "{error}"
        );
        for name in ["curves.png", "summary.json"] {
            std::fs::remove_file(path.join(name)).unwrap();
        }
        // An interrupted search, which starts again.
        write(SETTINGS, &settings.to_toml().unwrap());
        write(AUGMENTED, "a picture");
        require_vacant(path, &settings).unwrap();
        let other = Settings {
            seed: settings.seed + 1,
            ..settings.clone()
        };
        assert!(require_vacant(path, &other).is_err());
        // A finished one, whatever its settings were.
        write(RATES, "its results");
        assert!(require_vacant(path, &settings).is_err());
        write(RATES, &format!("{RATES_HEADER}\n0.1,1,2.3\n"));
        require_vacant(path, &settings).unwrap();
        require_vacant(path, &other).unwrap();
        write("curves.png", "mine");
        assert!(require_vacant(path, &other).is_err());
        std::fs::remove_file(path.join("curves.png")).unwrap();
        for mine in ["mine = 1", "seed = 1", &format!("{HEADER} 9\nmine = 1")] {
            write(SETTINGS, mine);
            assert!(require_vacant(path, &other).is_err(), "{mine}");
        }
    }

    /// A run writes none of them.
    #[test]
    fn the_results_of_a_search_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let settings = Settings::resolve(RunArgs::default(), "d".into(), None).unwrap();
        for name in SEARCH_FILES {
            std::fs::write(path.join(name), "mine").unwrap();
            require_vacant(path, &settings).unwrap();
            let error = mbn_cli::message(&require_no_search(path).unwrap_err());
            assert!(
                error.contains(name) && error.contains("a search would replace it"),
                "{error}"
            );
            std::fs::remove_file(path.join(name)).unwrap();
        }
        require_no_search(path).unwrap();
    }
}
