//! The folders that name the classes.

use std::ffi::OsStr;
use std::fs::FileType;
use std::path::{Path, PathBuf};

use super::error::{FolderError, list};
use super::outputs::holds_results;
use crate::input_paths::Collected;
use crate::picture_files::{
    Clutter, Found, LeftOut, Reason, Walk, barred, has_picture_extension, images_below, is_broken_link,
    link_name, nothing_is_foreign, other_kind, reason_unread,
};

/// The folders of classes in a folder of `CLASS/*`.
#[derive(Debug)]
pub struct ClassFolders {
    /// Name and folder of each class, sorted by name.
    pub classes: Vec<(String, PathBuf)>,
    /// What lies beside them: folders of systems, links to folders above, files.
    pub left_out: LeftOut,
    /// The folders with all links resolved, in the same order.
    pub(super) real: Vec<PathBuf>,
}

/// The folders of classes in a folder of `CLASS/*`. Leaves out hidden folders, those of systems, those of runs and weights, and
/// links to a folder above. A broken link is a class whose images cannot be read, unless its name is that of a file.
///
/// # Errors
/// [`FolderError`] if there are no classes, one class's folder lies in another's, the folder cannot be read, or a class name is not
/// UTF-8.
pub fn class_folders(dir: &Path) -> Result<ClassFolders, FolderError> {
    let Listing {
        folders,
        mut left_out,
    } = Listing::of(dir)?;
    if folders.is_empty() {
        return Err(FolderError::NoClasses {
            path: dir.to_owned(),
            found: describe_files(dir),
        });
    }
    left_out.merge(files_beside(dir)?);
    let (mut classes, mut real) = (Vec::new(), Vec::new());
    for path in folders {
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let Some(name) = name else {
            return Err(FolderError::ClassName { path });
        };
        real.push(path.canonicalize().unwrap_or_else(|_| path.clone()));
        classes.push((name, path));
    }
    let folders = ClassFolders {
        classes,
        left_out,
        real,
    };
    folders.require_distinct(dir)?;
    Ok(folders)
}

impl ClassFolders {
    /// The picture files of a class, by its index. Images in subfolders belong to the class; links do not lead into
    /// other classes.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn collect(&self, class: usize) -> Collected {
        let mut collected = Collected::default();
        collected.expand(&self.classes[class].1, &self.is_foreign(class));
        collected
    }

    pub(super) fn images(&self, class: usize) -> Found {
        images_below(&self.classes[class].1, &self.is_foreign(class))
    }

    /// Tells whether a folder shares images with another class's.
    fn is_foreign(&self, class: usize) -> impl Fn(&Path) -> bool {
        move |target| {
            let overlaps = |(i, other): (usize, &PathBuf)| {
                i != class && (target.starts_with(other) || other.starts_with(target))
            };
            self.real.iter().enumerate().any(overlaps)
        }
    }

    /// Refuses classes that share images.
    fn require_distinct(&self, dir: &Path) -> Result<(), FolderError> {
        let mut sorted: Vec<_> = self.real.iter().zip(&self.classes).collect();
        sorted.sort_unstable();
        // What lies in a folder comes right after it.
        for pair in sorted.windows(2) {
            let [(outer, (one, _)), (inner, (other, _))] = pair else {
                continue;
            };
            if inner.starts_with(outer) {
                return Err(FolderError::SharedFolder {
                    path: dir.to_owned(),
                    one: one.clone(),
                    other: other.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The folders in a folder, without those that are left out.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Sorted, links to folders included, and broken links that may have led to one.
    pub folders: Vec<PathBuf>,
    pub left_out: LeftOut,
}

impl Listing {
    pub fn of(dir: &Path) -> Result<Self, FolderError> {
        Self::of_names(dir, |_| true)
    }

    /// Those whose path `is_asked_for` accepts. Asks the file system about links and accepted folders only: a class may have millions
    /// of files.
    pub fn of_names(dir: &Path, is_asked_for: impl Fn(&Path) -> bool) -> Result<Self, FolderError> {
        if dir.is_file() {
            return Err(FolderError::NotAFolder { path: dir.to_owned() });
        }
        let mut listing = Self::default();
        for (path, kind) in entries_with_kinds(dir)? {
            let name = path.file_name().unwrap_or_default();
            let is_link = kind.is_some_and(|kind| kind.is_symlink());
            let is_folder = || match is_link {
                true => path.is_dir() || is_broken_folder(&path, name),
                false => kind.is_some_and(|kind| kind.is_dir()),
            };
            if !is_asked_for(&path) || !is_folder() {
                continue;
            }
            if let Some(clutter) = Clutter::of_folder(name) {
                let name = name.to_string_lossy();
                listing.left_out.add_named(Reason::ClutterFolder(clutter), name);
            } else if let Some(reason) = is_link.then(|| barred(&path, 1, &nothing_is_foreign)).flatten() {
                listing.left_out.add_named(reason, link_name(&path));
            } else if holds_results(&path) {
                listing
                    .left_out
                    .add_named(Reason::Results, name.to_string_lossy());
            } else {
                listing.folders.push(path);
            }
        }
        Ok(listing)
    }

    /// The names of the folders, for a message.
    pub fn describe(&self) -> String {
        if self.folders.is_empty() {
            return format!("it has no folders{}", self.left_out.instead());
        }
        let name = |path: &PathBuf| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        format!(
            "it has {}",
            list(&self.folders.iter().map(name).collect::<Vec<_>>())
        )
    }
}

/// The files beside class folders.
fn files_beside(dir: &Path) -> Result<LeftOut, FolderError> {
    let mut left_out = LeftOut::default();
    for path in entries(dir)? {
        let name = path.file_name().unwrap_or_default();
        let reason = match path.metadata() {
            Ok(metadata) if metadata.is_dir() => continue,
            Ok(metadata) => Clutter::of_file(name)
                .map(Reason::ClutterFile)
                .or_else(|| other_kind(&path, metadata.is_file())),
            Err(_) if is_broken_folder(&path, name) => continue,
            Err(_) => reason_unread(&path, name),
        };
        left_out.add(reason.unwrap_or(Reason::OutsideClasses));
    }
    Ok(left_out)
}

/// Whether a path is a broken link that may have led to a folder: its name is not that of a file.
fn is_broken_folder(path: &Path, name: &OsStr) -> bool {
    is_broken_link(path) && !has_picture_extension(path) && reason_unread(path, name).is_none()
}

/// The paths in a folder, sorted.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    Ok(entries_with_kinds(dir)?
        .into_iter()
        .map(|(path, _)| path)
        .collect())
}

/// The paths in a folder, sorted, with their kinds as far as they are known; a link is of its own kind. Most file systems tell the
/// kinds with the names.
fn entries_with_kinds(dir: &Path) -> Result<Vec<(PathBuf, Option<FileType>)>, FolderError> {
    let io_error = |source| FolderError::unread(dir.to_owned(), source);
    let found = dir.read_dir().map_err(io_error)?.map(|entry| {
        let entry = entry?;
        Ok((entry.path(), entry.file_type().ok()))
    });
    let mut found = found.collect::<std::io::Result<Vec<_>>>().map_err(io_error)?;
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// Whether a folder holds images itself, outside folders in it.
pub(super) fn has_images(dir: &Path) -> bool {
    let is_image = |path: &PathBuf| {
        path.file_name().and_then(Clutter::of_file).is_none() && has_picture_extension(path) && path.is_file()
    };
    entries(dir).is_ok_and(|paths| paths.iter().any(is_image))
}

/// Whether a folder, or one in it, holds images.
pub(super) fn has_images_below(dir: &Path) -> bool {
    Walk::new(dir, &nothing_is_foreign).any(|image| image.is_ok())
}

pub(super) fn describe_files(dir: &Path) -> String {
    let found = images_below(dir, &nothing_is_foreign).images;
    match found.iter().filter(|image| image.is_ok()).count() {
        0 => "it has no images either".to_owned(),
        1 => "it has 1 image outside class folders".to_owned(),
        n => format!("it has {n} images outside class folders"),
    }
}
