//! Where an image folder keeps its training and test images.

use std::path::{Path, PathBuf};

use super::class_folders::{Listing, entries, has_images, has_images_below};
use super::error::FolderError;
use crate::picture_files::{Reason, name_of};

/// Names of the folder of training images, in any case.
const TRAIN: &[&str] = &["train"];
/// Names of the folder of images to validate on.
const VAL: &[&str] = &["val", "valid", "validation", "dev"];
/// Names of the folder of test images, which are used if there is no folder of [`VAL`].
const TEST: &[&str] = &["test"];
/// Names of folders that other tools expect. They are neither used nor taken for classes.
const OTHER_PARTS: &[&str] = &["training", "testing", "eval", "evaluation", "holdout"];

/// The folders of `CLASS/*` in a data set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Folder of the training images, or of all images.
    pub train: PathBuf,
    /// Folder of the test images, unless they have to be taken from the others.
    pub test: Option<PathBuf>,
    /// Other folders with images, and why they may not be used. Links may lead to them all the same.
    pub unused: Vec<(Reason, PathBuf)>,
}

impl Layout {
    /// Recognises `train/CLASS/*` with or without a folder of test images, and `CLASS/*`.
    pub fn of(dir: &Path) -> Result<Self, FolderError> {
        let listing = Listing::of(dir)?;
        if is_without_parts(&listing.folders) {
            require_no_sets_within(dir, &listing)?;
            return Ok(Self {
                train: dir.to_owned(),
                test: None,
                unused: Vec::new(),
            });
        }
        let train = one_of(TRAIN, dir, &listing)?;
        let train = train.ok_or_else(|| missing(dir, "`train`", &listing))?;
        let val = one_of(VAL, dir, &listing)?;
        let has_val = val.is_some();
        let test = match val {
            None => one_of(TEST, dir, &listing)?,
            val => val,
        };
        let is_used = |folder: &&PathBuf| **folder == train || Some(*folder) == test.as_ref();
        let others = listing.folders.iter().filter(|folder| !is_used(folder));
        let unused = others.filter(|folder| has_images_below(folder));
        let unused = unused.map(|folder| match has_val && is_named(folder, TEST) {
            true => (Reason::TestBesideVal, folder.clone()),
            false => (Reason::UnusedFolder, folder.clone()),
        });
        Ok(Self {
            unused: unused.collect(),
            train,
            test,
        })
    }
}

/// Whether a folder has one of training images, as an image folder has.
pub(in crate::dataset) fn has_train(dir: &Path) -> bool {
    let is_train = |path: &PathBuf| is_named(path, TRAIN) && path.is_dir();
    entries(dir).is_ok_and(|paths| paths.iter().any(is_train))
}

/// The error for a data set without the folder `expected`.
pub(super) fn missing(dir: &Path, expected: &'static str, listing: &Listing) -> FolderError {
    FolderError::NoSplit {
        path: dir.to_owned(),
        expected,
        found: listing.describe(),
    }
}

/// Whether the folders are classes, not parts of a data set. The name of a part may also be that of a class: `train`
/// with images of its own, among several other folders, is one of vehicles.
fn is_without_parts(folders: &[PathBuf]) -> bool {
    let all = [TRAIN, VAL, TEST, OTHER_PARTS].concat();
    let (parts, others): (Vec<_>, Vec<_>) = folders.iter().partition(|folder| is_named(folder, &all));
    match parts.as_slice() {
        [] => !others.is_empty(),
        [part] => {
            let has_folders = Listing::of(part).is_ok_and(|listing| !listing.folders.is_empty());
            is_named(part, TRAIN) && others.len() >= 2 && !has_folders && has_images(part)
        }
        _ => false,
    }
}

/// Refuses a folder of data sets, whose names would become classes.
fn require_no_sets_within(dir: &Path, listing: &Listing) -> Result<(), FolderError> {
    for folder in &listing.folders {
        let within = Listing::of(folder)?.folders;
        let has = |names: &[&str]| within.iter().any(|folder| is_named(folder, names));
        if has(TRAIN) && (has(VAL) || has(TEST)) {
            return Err(FolderError::SetWithin {
                path: dir.to_owned(),
                inner: folder.clone(),
            });
        }
    }
    Ok(())
}

/// The folder with one of these names. An error if there are several, or a file has one of them.
fn one_of(names: &[&str], dir: &Path, listing: &Listing) -> Result<Option<PathBuf>, FolderError> {
    let mut found = listing.folders.iter().filter(|folder| is_named(folder, names));
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => Err(FolderError::TwoParts {
            path: dir.to_owned(),
            one: name_of(one),
            other: name_of(other),
        }),
        (Some(one), None) => Ok(Some(one.clone())),
        (None, _) => {
            let is_part = |path: &PathBuf| is_named(path, names) && !path.is_dir();
            match entries(dir)?.into_iter().find(is_part) {
                Some(path) => Err(FolderError::PartIsFile { path }),
                None => Ok(None),
            }
        }
    }
}

fn is_named(folder: &Path, names: &[&str]) -> bool {
    let name = name_of(folder);
    names.iter().any(|known| known.eq_ignore_ascii_case(&name))
}
