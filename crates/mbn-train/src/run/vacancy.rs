//! Whether a folder is free for a new run: nothing that lies in it may be replaced.

use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_cli::{Hint, quote, text_file};
use mbn_spec::text::joined;

use super::folder::{AUGMENTED, FILES, SEARCH_FILES, SETTINGS, STATE};
use crate::settings::Settings;

/// Refuses a folder with a run, or with files that have the names of a run's or a search's and may be the user's own. What a start with
/// the same settings left that came to nothing may be replaced.
pub(super) fn require_vacant(folder: &Path, settings: &Settings) -> Result<()> {
    require_folder(folder)?;
    if folder.join(STATE).exists() {
        return Err(anyhow!("run folder `{}` already holds a run", folder.display())).hint(|| {
            format!(
                "continue it with `mbn-train --resume {}`, or choose another `--out`",
                quote(folder)
            )
        });
    }
    match is_left_of_the_same(folder, settings) {
        true => Ok(()),
        false => require_no_files(folder, &[&FILES[..], &SEARCH_FILES].concat()),
    }
}

/// Refuses a folder with files of these names.
pub(super) fn require_no_files(folder: &Path, names: &[&str]) -> Result<()> {
    let found = found(folder, names);
    if found.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = found.iter().map(|name| format!("`{name}`")).collect();
    Err(anyhow!(
        "run folder `{}` holds no run that can be resumed, but has {} already, named as those that a run writes",
        folder.display(),
        joined(&named),
    ))
    .hint(|| "choose another `--out`, or move what is there away: the run would replace it".to_owned())
}

/// Those of `names` that are in the folder, also as links that lead nowhere.
fn found<'a>(folder: &Path, names: &[&'a str]) -> Vec<&'a str> {
    let is_there = |name: &&str| folder.join(name).symlink_metadata().is_ok();
    names.iter().copied().filter(is_there).collect()
}

/// Whether the folder holds what a search for a learning rate with these very settings wrote before it was stopped, and no results:
/// the search writes the same again.
fn is_left_of_the_same(folder: &Path, settings: &Settings) -> bool {
    let first = [SETTINGS, AUGMENTED];
    let found = found(folder, &[&FILES[..], &SEARCH_FILES].concat());
    let is_same = || {
        let there = text_file::read(&folder.join(SETTINGS)).ok();
        there.is_some() && there == settings.to_toml().ok().map(String::into_bytes)
    };
    found.contains(&SETTINGS) && found.iter().all(|name| first.contains(name)) && is_same()
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
        for name in FILES.iter().chain(&SEARCH_FILES) {
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
        write(SEARCH_FILES[0], "its results");
        assert!(require_vacant(path, &settings).is_err());
    }
}
