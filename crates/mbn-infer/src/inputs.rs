//! The images to classify, in the order of the paths that lead to them.

mod list;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use mbn_cli::Hint;
use mbn_data::{CollectError, class_folders, collect};
use mbn_spec::text::listed;

use crate::options::Options;
use list::End;

/// An image file, or a path that leads to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The path as given, or as found below the folder given.
    pub path: PathBuf,
    /// Index of its class, if known.
    pub class: Option<usize>,
    /// Why it leads to no image.
    pub problem: Option<String>,
}

impl Input {
    fn new(found: Result<PathBuf, CollectError>, class: Option<usize>) -> Self {
        match found {
            Ok(path) => Self {
                path,
                class,
                problem: None,
            },
            Err(error) => Self::failed(&error.path, &error.kind),
        }
    }

    fn failed(path: &Path, why: &dyn std::error::Error) -> Self {
        Self {
            path: path.to_owned(),
            class: None,
            problem: Some(describe(why)),
        }
    }
}

/// The images that the options name. `class_names` are the model's.
///
/// # Errors
/// A list that cannot be read; for `--evaluate`, a folder of classes that are not the model's.
pub fn inputs(options: &Options, class_names: &[String]) -> Result<Vec<Input>> {
    if options.evaluate {
        let folders = options.paths.iter().map(|path| labelled(path, class_names));
        return Ok(folders.collect::<Result<Vec<_>>>()?.concat());
    }
    let mut paths = options.paths.clone();
    if let Some(list) = &options.list {
        let end = if options.null { End::Null } else { End::Line };
        paths.extend(list::read(list, end)?);
        if paths.is_empty() {
            bail!("`--list {}` names no path", list.display());
        }
    }
    let found = collect(&paths).into_iter();
    Ok(found.map(|found| Input::new(found, None)).collect())
}

/// An error with its causes, without the path that the outermost error names.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The images of a folder of `CLASS/*`, with the model's indexes of their classes. A folder without classes gives one
/// failed input.
fn labelled(folder: &Path, class_names: &[String]) -> Result<Vec<Input>> {
    let folders = match class_folders(folder) {
        Ok(folders) => folders,
        Err(error) => return Ok(vec![Input::failed(folder, &error)]),
    };
    let index = |name: &String| class_names.iter().position(|known| known == name);
    let names = folders.iter().map(|(name, _)| name);
    let unknown: Vec<_> = names.filter(|name| index(name).is_none()).cloned().collect();
    if !unknown.is_empty() {
        let (folder, unknown, known) = (folder.display(), named(&unknown), named(class_names));
        return Err(anyhow!(
            "these folders in `{folder}` are not named like classes of the model: {unknown}"
        ))
        .hint(|| format!("the model's classes are {known}"));
    }
    let inputs = folders.into_iter().flat_map(|(name, path)| {
        let class = index(&name);
        let found = collect(&[path]).into_iter();
        found.map(move |found| Input::new(found, class))
    });
    Ok(inputs.collect())
}

fn named(classes: &[String]) -> String {
    const LISTED: usize = 12;
    listed(classes.iter().map(|class| format!("`{class}`")), LISTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_evaluated_is_one_failed_input() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["church", "tench"].map(str::to_owned);
        let gone = labelled(&folder.path().join("gone"), &names).unwrap();
        assert_eq!(gone.len(), 1);
        assert!(gone[0].problem.is_some() && gone[0].path.ends_with("gone"));
        for name in &names {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("tench/1.png"), b"").unwrap();
        let found = labelled(folder.path(), &names).unwrap();
        assert!(found[0].path.ends_with("church") && found[0].problem.is_some());
        assert!(found[1].path.ends_with("tench/1.png") && found[1].class == Some(1));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn classes_get_the_models_indexes() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["church", "tench"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("1.png"), b"").unwrap();
        }
        let names = ["tench", "golf ball", "church"].map(str::to_owned);
        let classes: Vec<_> = labelled(folder.path(), &names)
            .unwrap()
            .iter()
            .map(|i| i.class)
            .collect();
        assert_eq!(classes, [Some(2), Some(0)]);
        let message = labelled(folder.path(), &names[1..]).unwrap_err().to_string();
        assert!(
            message.contains("`tench`") && !message.contains("`church`"),
            "{message}"
        );
    }
}
