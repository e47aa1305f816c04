//! Where an image folder keeps its training and test images.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mbn_spec::class_names::composed;

use super::class_folders::{ClassFolders, Listing, describe_files, entries, has_images, has_images_below};
use super::error::{FolderError, is_archive, list};
use crate::dataset::folder_warning::FolderWarning;
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
    /// Folders that have the name of test images but no class folders.
    pub unlabelled: Vec<PathBuf>,
    /// Other folders with images, and why they may not be used. Links may lead to them all the same.
    pub unused: Vec<(Reason, PathBuf)>,
    /// The data set that the folder is a part of, and the part beside it that is not used.
    pub part_of: Option<(PathBuf, PathBuf)>,
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
                unlabelled: Vec::new(),
                unused: Vec::new(),
                part_of: part_of(dir, &listing),
            });
        }
        let train = one_of(TRAIN, dir, &listing)?;
        let train = train.ok_or_else(|| missing(dir, "`train`", &listing))?;
        let (mut test, mut unlabelled) = (None, Vec::new());
        for names in [VAL, TEST] {
            match one_of(names, dir, &listing)? {
                Some(folder) if has_folders(&folder)? => {
                    test = Some(folder);
                    break;
                }
                folder => unlabelled.extend(folder),
            }
        }
        let has_val = test.as_ref().is_some_and(|test| is_named(test, VAL));
        let is_known = |folder: &&PathBuf| {
            **folder == train || Some(*folder) == test.as_ref() || unlabelled.contains(*folder)
        };
        let others = listing.folders.iter().filter(|folder| !is_known(folder));
        let unused = others.filter(|folder| has_images_below(folder));
        let unused = unused.map(|folder| match has_val && is_named(folder, TEST) {
            true => (Reason::TestBesideVal, folder.clone()),
            false => (Reason::UnusedFolder, folder.clone()),
        });
        Ok(Self {
            unused: unused.collect(),
            unlabelled,
            train,
            test,
            part_of: None,
        })
    }

    /// What the user should know about the folders.
    pub fn warnings(&self) -> Vec<FolderWarning> {
        let unlabelled = self.unlabelled.iter().map(|path| FolderWarning::Unlabelled {
            path: path.clone(),
            found: describe_files(path),
        });
        let part_of = self.part_of.iter().map(|(whole, other)| FolderWarning::OnePart {
            path: self.train.clone(),
            whole: whole.clone(),
            other: other.clone(),
        });
        unlabelled.chain(part_of).collect()
    }
}

/// If folders are the parts of a data set rather than classes: the part with the images to test on, else that of training images,
/// by their names.
pub fn part_to_test_on(folders: &ClassFolders) -> Option<&Path> {
    let is_of_classes = |folder: &Path| has_folders(folder).unwrap_or(false);
    let with_name = |names: &&[&str]| {
        let mut folders = folders.classes.iter().map(|(_, folder)| folder.as_path());
        folders.find(|folder| is_named(folder, names) && is_of_classes(folder))
    };
    [VAL, TEST, TRAIN].iter().find_map(with_name)
}

/// The data set that a folder of classes is a part of, and the part beside it, if they have a class in common.
fn part_of(dir: &Path, listing: &Listing) -> Option<(PathBuf, PathBuf)> {
    let real = dir.canonicalize().ok()?;
    let others = match (
        is_named(&real, TRAIN),
        is_named(&real, VAL) || is_named(&real, TEST),
    ) {
        (true, _) => [VAL, TEST].concat(),
        (_, true) => TRAIN.to_vec(),
        _ => return None,
    };
    // As the user named it, if the last name is that of the folder.
    let whole = match dir.file_name() {
        Some(name) if real.file_name() == Some(name) => mbn_files::folder_of(dir),
        _ => real.parent()?,
    };
    let classes: BTreeSet<_> = listing
        .folders
        .iter()
        .map(|class| composed(&name_of(class)))
        .collect();
    let shares_class = |folder: &PathBuf| {
        let found = Listing::of(folder).map_or_else(|_| Vec::new(), |listing| listing.folders);
        found
            .iter()
            .any(|class| classes.contains(&composed(&name_of(class))))
    };
    let beside = entries(whole)
        .ok()?
        .into_iter()
        .filter(|path| is_named(path, &others) && path.is_dir());
    let other = beside.into_iter().find(shares_class)?;
    Some((whole.to_owned(), other))
}

fn has_folders(dir: &Path) -> Result<bool, FolderError> {
    Ok(!Listing::of(dir)?.folders.is_empty())
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
        found: listing.describe() + &archives_in(dir),
    }
}

/// The end of a message about a folder in which archives lie that may be the data set; empty without any.
fn archives_in(dir: &Path) -> String {
    let paths = entries(dir).unwrap_or_default();
    let archives = paths.iter().filter(|path| is_archive(path) && path.is_file());
    let names: Vec<_> = archives.map(|path| name_of(path)).collect();
    match names.as_slice() {
        [] => String::new(),
        [_] => format!(", but the archive {}: unpack it", list(&names)),
        _ => format!(", but the archives {}: unpack them", list(&names)),
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
        let parts = [TRAIN, VAL, TEST].concat();
        let within = Listing::of_names(folder, |path| is_named(path, &parts))?.folders;
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
