//! Images in folders of `CLASS/*`, for an evaluation.

use std::collections::VecDeque;
use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_cli::{Hint, quote};
use mbn_data::{ClassFolders, FolderError, LeftOut, class_folders, part_to_test_on};
use mbn_files::is_of_machine;
use mbn_spec::class_names::unknown as not_known;
use mbn_spec::default_class_names;
use mbn_spec::text::{joined, listed};

use super::{Input, Source, describe};
use crate::classes::ClassNames;

/// The images of folders of `CLASS/*`, with the model's indexes of their classes.
#[derive(Default)]
pub(super) struct Labelled {
    inputs: VecDeque<Input>,
    left_out: LeftOut,
}

impl Source for Labelled {
    fn next(&mut self, _: &mut dyn FnMut()) -> Result<Option<Input>> {
        Ok(self.inputs.pop_front())
    }

    fn left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }
}

impl Labelled {
    /// Number of images that are left.
    pub(super) fn len(&self) -> u64 {
        self.inputs.len() as u64
    }

    /// Adds a folder. One without classes gives one failed input.
    pub(super) fn add(&mut self, folder: &Path, class_names: &ClassNames) -> Result<()> {
        let folders = match class_folders(folder) {
            Ok(folders) => folders,
            Err(error) => {
                let failed = Input::failed(folder, describe(&error), is_fault(&error));
                self.inputs.push_back(failed);
                return Ok(());
            }
        };
        let indices = indices(folder, &folders, class_names)?;
        self.left_out.merge(folders.left_out.clone());
        for (place, class) in indices.into_iter().enumerate() {
            let found = folders.collect(place);
            self.left_out.merge(found.left_out);
            let pictures = found.pictures.into_iter();
            self.inputs
                .extend(pictures.map(|picture| Input::new(picture, Some(class))));
        }
        Ok(())
    }
}

/// Whether the machine cannot read a folder, which says nothing about it.
fn is_fault(error: &FolderError) -> bool {
    match error {
        FolderError::Io { source, .. } => is_of_machine(source),
        FolderError::BrokenLink { reason, .. } => is_of_machine(reason),
        _ => false,
    }
}

/// The model's indexes of the classes that the folders name. Says which classes of the model have no folder.
fn indices(folder: &Path, folders: &ClassFolders, classes: &ClassNames) -> Result<Vec<usize>> {
    let (mut indices, mut unknown, mut ambiguous) = (Vec::new(), Vec::new(), Vec::new());
    for (name, _) in &folders.classes {
        match classes.indices_of(name).as_slice() {
            [] => unknown.push(name.clone()),
            [index] => indices.push(*index),
            several => ambiguous.push((name, several.to_vec())),
        }
    }
    let class_names = classes.names();
    let shown = folder.display();
    if let Some(part) = part_to_test_on(folders).filter(|_| indices.is_empty()) {
        let (unknown, part) = (named(&unknown), quote(part));
        return Err(anyhow!(
            "`{shown}` has the parts of a data set, {unknown}, expected folders of `CLASS/*`"
        ))
        .hint(|| format!("`mbn-infer --evaluate {part}` takes the images there"));
    }
    if !unknown.is_empty() {
        // Those that are only counted are compared with no class: there may be thousands of both.
        let (first, others) = unknown.split_at(unknown.len().min(LISTED));
        let first = first.iter().map(|name| not_known(name, class_names));
        let names = listed(first.chain(others.iter().cloned()), LISTED);
        return Err(anyhow!(
            "these folders in `{shown}` are not named like classes of the model: {names}"
        ))
        .hint(|| {
            let names = format!("the model's classes are {}", named(class_names));
            match *class_names == default_class_names(class_names.len()) {
                true => format!("{names}, which nothing names: `--classes FILE` does"),
                false => names,
            }
        });
    }
    if let Some((_, first)) = ambiguous.first() {
        let of_several = ambiguous
            .iter()
            .map(|(name, indices)| format!("`{name}` (indexes {})", joined(indices)));
        let of_several = listed(of_several, LISTED);
        return Err(anyhow!(
            "these folders in `{shown}` are named like several classes of the model: {of_several}"
        ))
        .hint(|| match classes.id(first[0]) {
            Some(id) => format!("name the folders by the identifiers of their classes, such as `{id}`"),
            None => "`--classes FILE` gives each class a name of its own, by which the folders can be named"
                .to_owned(),
        });
    }
    let without = (0..class_names.len()).filter(|index| !indices.contains(index));
    let without: Vec<_> = without.map(|index| class_names[index].clone()).collect();
    if !without.is_empty() {
        let (n, all, names) = (without.len(), class_names.len(), named(&without));
        log::info!("`{shown}` has no folder for {n} of the model's {all} classes: {names}");
    }
    Ok(indices)
}

/// Classes that a message names.
const LISTED: usize = 12;

fn named(classes: &[String]) -> String {
    listed(classes.iter().map(|class| format!("`{class}`")), LISTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(folder: &Path, class_names: &[String]) -> Result<Vec<Input>> {
        let mut all = Labelled::default();
        all.add(folder, &ClassNames::new(class_names.to_vec()))?;
        Ok(all.inputs.into())
    }

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
        let found = labelled(folder.path(), &names).unwrap();
        let classes: Vec<_> = found.iter().map(|i| i.class).collect();
        assert_eq!(classes, [Some(2), Some(0)]);
        let message = labelled(folder.path(), &names[1..]).unwrap_err().to_string();
        assert!(
            message.contains("`tench`") && !message.contains("`church`"),
            "{message}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_the_machine_cannot_read_is_told_from_one_that_is_wrong() {
        let error = |code| FolderError::Io {
            path: "val".into(),
            source: std::io::Error::from_raw_os_error(code),
        };
        // ESTALE and EACCES
        assert!(is_fault(&error(116)) && !is_fault(&error(13)));
        let broken = FolderError::BrokenLink {
            path: "val/tench".into(),
            target: "nas/tench".into(),
            reason: std::io::Error::from_raw_os_error(116),
        };
        assert!(is_fault(&broken));
    }

    fn folders(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("1.png"), b"").unwrap();
        }
        folder
    }

    fn hint(error: &anyhow::Error) -> &str {
        &error.downcast_ref::<mbn_cli::Hinted>().unwrap().hint
    }

    #[test]
    fn a_folder_may_be_composed_differently_than_its_class() {
        let names = ["tench", "caf\u{e9}"].map(str::to_owned);
        let found = labelled(folders(&["cafe\u{301}"]).path(), &names).unwrap();
        assert_eq!(found[0].class, Some(1));
    }

    #[test]
    fn the_class_that_was_meant_is_named() {
        let names = ["golf_ball", "tench"].map(str::to_owned);
        let error = labelled(folders(&["golf_bal", "unicorn"]).path(), &names).unwrap_err();
        let message = error.to_string();
        assert!(
            message.ends_with("model: `golf_bal` (did you mean `golf_ball`?), `unicorn`"),
            "{message}"
        );
        assert!(hint(&error).contains("`golf_ball`, `tench`"), "{}", hint(&error));
    }

    #[test]
    fn a_data_set_is_told_from_its_parts() {
        let names = ["tench"].map(str::to_owned);
        for (given, part) in [
            (&["train/tench", "Val/tench", "test/tench"][..], "Val"),
            (&["train/tench", "test/tench"], "test"),
            (&["train/tench"], "train"),
            // Pictures without class folders cannot be evaluated.
            (&["train/tench", "val", "notes/x"], "train"),
        ] {
            let folder = folders(given);
            let error = labelled(folder.path(), &names).unwrap_err();
            let message = error.to_string();
            assert!(message.contains("has the parts of a data set, `"), "{message}");
            let command = format!("--evaluate {}` ", folder.path().join(part).display());
            assert!(hint(&error).contains(&command), "{} in {}", command, hint(&error));
        }
        // They may be classes too.
        let names = ["train", "val"].map(str::to_owned);
        let found = labelled(folders(&["train/wagon", "val/x"]).path(), &names).unwrap();
        assert_eq!(
            found.iter().map(|i| i.class).collect::<Vec<_>>(),
            [Some(0), Some(1)]
        );
    }

    /// Which of the classes the pictures are of is not known: an accuracy would be wrong.
    #[test]
    fn a_folder_named_like_several_classes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a", "ball", "church", "ball"].map(str::to_owned);
        for name in ["a", "church"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("1.png"), b"").unwrap();
        }
        let found = labelled(folder.path(), &names).unwrap();
        let classes: Vec<_> = found.iter().map(|input| input.class).collect();
        assert_eq!(classes, [Some(0), Some(2)]);
        std::fs::create_dir(folder.path().join("ball")).unwrap();
        let error = labelled(folder.path(), &names).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("`ball` (indexes 1 and 3)") && !message.contains("`church`"),
            "{message}"
        );
        let hint = &error.downcast_ref::<mbn_cli::Hinted>().unwrap().hint;
        assert!(hint.contains("`--classes FILE`"), "{hint}");
    }
}
