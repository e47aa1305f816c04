//! The images to classify, in the order of the paths that lead to them.

mod list;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use mbn_cli::Hint;
use mbn_data::{ClassFolders, CollectError, LeftOut, class_folders, collect};
use mbn_spec::text::listed;

use crate::classes::ClassNames;
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

/// The images to classify, and what was left out of the folders that hold them.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The images, and paths that lead to none, in order.
    pub inputs: Vec<Input>,
    /// What the folders hold besides.
    pub left_out: LeftOut,
}

/// The images that the options name. `class_names` are the model's.
///
/// # Errors
/// A list that cannot be read; for `--evaluate`, a folder of classes that are not the model's.
pub fn inputs(options: &Options, class_names: &ClassNames) -> Result<Inputs> {
    if options.evaluate {
        let mut all = Inputs::default();
        for path in &options.paths {
            let found = labelled(path, class_names)?;
            all.inputs.extend(found.inputs);
            all.left_out.merge(found.left_out);
        }
        return Ok(all);
    }
    let mut paths = options.paths.clone();
    if let Some(list) = &options.list {
        let end = if options.null { End::Null } else { End::Line };
        paths.extend(list::read(list, end)?);
        if paths.is_empty() {
            bail!("`--list {}` names no path", list.display());
        }
    }
    let found = collect(&paths);
    let pictures = found.pictures.into_iter();
    Ok(Inputs {
        inputs: pictures.map(|picture| Input::new(picture, None)).collect(),
        left_out: found.left_out,
    })
}

/// An error with its causes, without the path that the outermost error names.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The images of a folder of `CLASS/*`, with the model's indexes of their classes. A folder without classes gives one
/// failed input.
fn labelled(folder: &Path, class_names: &ClassNames) -> Result<Inputs> {
    let folders = match class_folders(folder) {
        Ok(folders) => folders,
        Err(error) => {
            return Ok(Inputs {
                inputs: vec![Input::failed(folder, &error)],
                left_out: LeftOut::default(),
            });
        }
    };
    let indices = indices(folder, &folders, class_names)?;
    let mut left_out = folders.left_out.clone();
    let mut inputs = Vec::new();
    for (place, class) in indices.into_iter().enumerate() {
        let found = folders.collect(place);
        left_out.merge(found.left_out);
        let pictures = found.pictures.into_iter();
        inputs.extend(pictures.map(|picture| Input::new(picture, Some(class))));
    }
    Ok(Inputs { inputs, left_out })
}

/// The model's indexes of the classes that the folders name. Says which classes of the model have no folder.
fn indices(folder: &Path, folders: &ClassFolders, classes: &ClassNames) -> Result<Vec<usize>> {
    let (mut indices, mut unknown) = (Vec::new(), Vec::new());
    for (name, _) in &folders.classes {
        match classes.index_of(name) {
            Some(index) => indices.push(index),
            None => unknown.push(name.clone()),
        }
    }
    let class_names = classes.names();
    let shown = folder.display();
    if !unknown.is_empty() {
        let (unknown, known) = (named(&unknown), named(class_names));
        return Err(anyhow!(
            "these folders in `{shown}` are not named like classes of the model: {unknown}"
        ))
        .hint(|| format!("the model's classes are {known}"));
    }
    let without = (0..class_names.len()).filter(|index| !indices.contains(index));
    let without: Vec<_> = without.map(|index| class_names[index].clone()).collect();
    if !without.is_empty() {
        let (n, all, names) = (without.len(), class_names.len(), named(&without));
        log::info!("`{shown}` has no folder for {n} of the model's {all} classes: {names}");
    }
    Ok(indices)
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
        let classes = ClassNames::new(names.to_vec());
        let gone = labelled(&folder.path().join("gone"), &classes).unwrap().inputs;
        assert_eq!(gone.len(), 1);
        assert!(gone[0].problem.is_some() && gone[0].path.ends_with("gone"));
        for name in &names {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("tench/1.png"), b"").unwrap();
        let found = labelled(folder.path(), &classes).unwrap().inputs;
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
        let classes: Vec<_> = labelled(folder.path(), &ClassNames::new(names.to_vec()))
            .unwrap()
            .inputs
            .iter()
            .map(|i| i.class)
            .collect();
        assert_eq!(classes, [Some(2), Some(0)]);
        let message = labelled(folder.path(), &ClassNames::new(names[1..].to_vec()))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("`tench`") && !message.contains("`church`"),
            "{message}"
        );
    }
}
