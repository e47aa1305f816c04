//! Brings the classes of training and test images together. Their folders may have one name in two forms of Unicode: macOS
//! decomposes the names of files, so that an archive that was packed there does not match a folder that was made elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use mbn_spec::class_names::{composed, escaped};

use super::class_folders::{ClassFolders, class_folders};
use super::{FolderError, ImageFolder};
use crate::dataset::folder_warning::FolderWarning;

/// The labels of classes by their names.
pub(super) struct Labels<'a> {
    exact: HashMap<&'a str, usize>,
    composed: HashMap<String, usize>,
}

impl<'a> Labels<'a> {
    pub fn of(class_names: &'a [String]) -> Self {
        let numbered = || class_names.iter().zip(0..);
        Self {
            exact: numbered().map(|(name, label)| (name.as_str(), label)).collect(),
            composed: numbered().map(|(name, label)| (composed(name), label)).collect(),
        }
    }

    /// The label of the class that a folder's name means.
    pub fn of_folder(&self, name: &str) -> Option<usize> {
        let exact = self.exact.get(name);
        exact.or_else(|| self.composed.get(&composed(name))).copied()
    }
}

/// The images of both parts. Classes without test images stay; test images of other classes are an error.
pub(super) fn both(train_dir: &Path, test_dir: &Path) -> Result<(ImageFolder, ImageFolder), FolderError> {
    // Compare class names before listing the files, which may be many.
    let (train_classes, test_classes) = (class_folders(train_dir)?, class_folders(test_dir)?);
    let (only_train, only_test) = (
        missing(&train_classes, &test_classes),
        missing(&test_classes, &train_classes),
    );
    if !only_test.is_empty() {
        return Err(FolderError::ClassMismatch {
            only_train,
            only_test,
            train: train_dir.to_owned(),
            test: test_dir.to_owned(),
        });
    }
    let train = ImageFolder::list(train_dir, train_classes, None)?;
    let test = ImageFolder::list(test_dir, test_classes, Some(&train.class_names))?;
    Ok((train, test))
}

/// The classes of `one` that `other` lacks.
fn missing(one: &ClassFolders, other: &ClassFolders) -> Vec<String> {
    let names = |folders: &ClassFolders| -> Vec<String> {
        let names = folders.classes.iter().map(|(name, _)| name.clone());
        names.collect()
    };
    let known = names(other);
    let labels = Labels::of(&known);
    let mut own = names(one);
    own.retain(|name| labels.of_folder(name).is_none());
    own
}

/// Warnings about classes whose names look the same.
pub(super) fn of_one_look(class_names: &[String]) -> impl Iterator<Item = FolderWarning> {
    let mut forms: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for name in class_names {
        forms.entry(composed(name)).or_default().push(name);
    }
    forms
        .into_iter()
        .filter(|(_, names)| names.len() > 1)
        .map(|(name, names)| FolderWarning::OneLook {
            forms: names.into_iter().map(|name| escaped(name)).collect(),
            name,
        })
}
