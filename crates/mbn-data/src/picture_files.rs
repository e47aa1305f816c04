//! Finds the picture files below a folder, and counts what it leaves out.

mod clutter;
mod left_out;
mod links;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use mbn_files::{is_of_machine, or_current};
use walkdir::{DirEntry, WalkDir};

pub(crate) use clutter::Clutter;
pub use left_out::LeftOut;
pub(crate) use left_out::{Reason, link_name};
pub(crate) use links::{IsForeign, barred, nothing_is_foreign};

use crate::decode::PictureFormat;
use crate::file_kind::{FIRST_BYTES, FileKind, extension};

/// Tells whether a folder, given with its links resolved, is one that the run writes, or lies in one.
pub(crate) type IsWritten = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// The content of a folder and its subfolders.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Picture files, each folder sorted by name. A folder that cannot be listed or a broken link is an error in its
    /// place.
    pub images: Vec<Result<PathBuf, (PathBuf, io::Error)>>,
    /// What is not in `images`.
    pub left_out: LeftOut,
}

/// Finds the picture files below a folder one after another, each folder's sorted by name. Follows links, but neither to a folder
/// above nor to one that is foreign. A folder that cannot be listed or a broken link is an error in its place.
///
/// A file is taken by its extension; its content may still be something else. Without an extension, and with that of
/// another picture format, the first bytes decide.
pub(crate) struct Walk<'a> {
    folder: PathBuf,
    entries: walkdir::IntoIter,
    is_foreign: IsForeign<'a>,
    /// Which folders are not searched.
    is_written: Option<IsWritten>,
    left_out: LeftOut,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(folder: &Path, is_foreign: IsForeign<'a>) -> Self {
        let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name();
        Self {
            folder: folder.to_owned(),
            entries: entries.into_iter(),
            is_foreign,
            is_written: None,
            left_out: LeftOut::default(),
        }
    }

    /// Leaves out the folders that the run itself writes.
    pub(crate) fn outside(self, is_written: Option<IsWritten>) -> Self {
        Self { is_written, ..self }
    }

    /// What was left out so far.
    pub(crate) fn into_left_out(self) -> LeftOut {
        self.left_out
    }

    /// What an entry is: a picture file, an error, or nothing that counts.
    fn look(&mut self, entry: walkdir::Result<DirEntry>) -> Option<Result<PathBuf, (PathBuf, io::Error)>> {
        match entry {
            Ok(entry) if entry.depth() == 0 && entry.file_type().is_dir() => None,
            Ok(entry) if entry.file_type().is_dir() => {
                let reason = reason_to_skip(&entry, self.is_foreign).or_else(|| {
                    let is_written = lies_in(entry.path(), self.is_written.as_deref()?);
                    is_written.then(|| (Reason::Written, name_of(entry.path())))
                });
                if let Some((reason, name)) = reason {
                    self.left_out.add_named(reason, name);
                    self.entries.skip_current_dir();
                }
                None
            }
            Ok(entry) => match reason_to_leave_out(&entry) {
                Ok(None) => Some(Ok(entry.into_path())),
                // It may be a picture: nobody knows while the machine cannot read it.
                Err(error) => Some(Err((entry.into_path(), error))),
                Ok(Some(reason)) => {
                    let path = entry.path().strip_prefix(&self.folder);
                    self.left_out.add_file(reason, path.unwrap_or(entry.path()));
                    None
                }
            },
            Err(error) if error.loop_ancestor().is_some() => {
                let name = error.path().map(link_name).unwrap_or_default();
                self.left_out.add_named(Reason::LinkAbove, name);
                None
            }
            Err(error) => {
                let path = error.path().unwrap_or(&self.folder).to_owned();
                let error = error
                    .into_io_error()
                    .unwrap_or_else(|| io::Error::other("it cannot be listed"));
                // A broken link, or a folder that cannot be read.
                let name = path.file_name().filter(|_| path != self.folder);
                match name.and_then(|name| reason_unread(&path, name)) {
                    Some(reason) => {
                        self.left_out.add(reason);
                        None
                    }
                    None => Some(Err((path, error))),
                }
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<PathBuf, (PathBuf, io::Error)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = self.entries.next()?;
            if let Some(found) = self.look(entry) {
                return Some(found);
            }
        }
    }
}

/// Whether a path is a link to what is not there, or cannot be reached.
pub(crate) fn is_broken_link(path: &Path) -> bool {
    path.is_symlink() && path.metadata().is_err()
}

/// Whether a folder is one that is written or lies in one, or a file or link lies in one.
pub(crate) fn lies_in(path: &Path, is_written: &dyn Fn(&Path) -> bool) -> bool {
    let folder = match path.is_dir() {
        true => path,
        false => path.parent().unwrap_or(path),
    };
    or_current(folder)
        .canonicalize()
        .is_ok_and(|real| is_written(&real))
}

/// A name for [`LeftOut::add_named`].
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Whether a path has the extension of a picture.
pub(crate) fn has_picture_extension(path: &Path) -> bool {
    extension(path).is_some_and(PictureFormat::has_extension)
}

/// Why a broken link, or a folder that cannot be read, is left out by its name. `None` if it may stand for a picture or for a
/// folder of pictures.
pub(crate) fn reason_unread(path: &Path, name: &OsStr) -> Option<Reason> {
    if let Some(clutter) = Clutter::of_folder(name).or_else(|| Clutter::of_file(name)) {
        return Some(Reason::ClutterFile(clutter));
    }
    if !path.is_symlink() || has_picture_extension(path) {
        return None;
    }
    extension(path).and_then(FileKind::of_extension).map(Reason::File)
}

/// All picture files below a folder, as [`Walk`] finds them.
pub(crate) fn images_below(folder: &Path, is_foreign: IsForeign) -> Found {
    let mut walk = Walk::new(folder, is_foreign);
    let images = walk.by_ref().collect();
    Found {
        images,
        left_out: walk.into_left_out(),
    }
}

/// Why a folder is not searched, if it is not, and what to call it.
fn reason_to_skip(entry: &DirEntry, is_foreign: IsForeign) -> Option<(Reason, String)> {
    let name = entry.file_name();
    if let Some(clutter) = Clutter::of_folder(name) {
        return Some((
            Reason::ClutterFolder(clutter),
            name.to_string_lossy().into_owned(),
        ));
    }
    if !entry.path_is_symlink() {
        return None;
    }
    let reason = barred(entry.path(), entry.depth(), is_foreign)?;
    Some((reason, link_name(entry.path())))
}

/// Why a file is no picture, if it is none.
///
/// # Errors
/// The machine cannot read it, which says nothing about the file.
fn reason_to_leave_out(entry: &DirEntry) -> io::Result<Option<Reason>> {
    if let Some(clutter) = Clutter::of_file(entry.file_name()) {
        return Ok(Some(Reason::ClutterFile(clutter)));
    }
    kind_by(entry.path(), entry.file_type().is_file(), first_bytes)
}

/// As [`other_kind_by`], of a file on this machine.
///
/// # Errors
/// The machine cannot read it, which says nothing about the file.
fn kind_by(
    path: &Path,
    is_regular: bool,
    first_bytes: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
) -> io::Result<Option<Reason>> {
    let mut fault = None;
    let bytes = || {
        first_bytes(path).unwrap_or_else(|error| {
            // Any other file that cannot be read may be anything.
            fault = Some(error).filter(is_of_machine);
            Vec::new()
        })
    };
    let reason = other_kind_by(path, is_regular, bytes);
    fault.map_or(Ok(reason), Err)
}

/// Why a file is no picture, if it is none. `is_regular` is false for pipes and the like, which must not be opened.
pub(crate) fn other_kind(path: &Path, is_regular: bool) -> Option<Reason> {
    // A file that cannot be read may be anything.
    other_kind_by(path, is_regular, || first_bytes(path).unwrap_or_default())
}

/// As [`other_kind`], of a file whose first bytes `first_bytes` reads.
pub(crate) fn other_kind_by(
    path: &Path,
    is_regular: bool,
    first_bytes: impl FnOnce() -> Vec<u8>,
) -> Option<Reason> {
    if has_picture_extension(path) {
        return None;
    }
    let extension = extension(path);
    if !is_regular {
        return Some(Reason::Special);
    }
    let by_name = extension.and_then(FileKind::of_extension);
    // Most other files are text beside the images, such as labels: their names suffice.
    if let Some(kind) = &by_name
        && !kind.is_picture()
    {
        return Some(Reason::File(kind.clone()));
    }
    let bytes = first_bytes();
    let format = PictureFormat::recognise(&bytes);
    let by_content = || FileKind::of_bytes(&bytes).filter(FileKind::is_picture);
    let kind = match (by_name, extension) {
        // Cameras' RAW files begin like TIFF.
        (Some(_), _) if format.is_some_and(|format| format != PictureFormat::Tiff) => return None,
        (Some(kind), _) => kind,
        (None, None) if format.is_some() => return None,
        (None, None) => by_content().unwrap_or(FileKind::NoExtension),
        (None, Some(other)) if format.is_some() => FileKind::PictureNamed(other.to_ascii_lowercase()),
        (None, Some(other)) => {
            by_content().unwrap_or_else(|| FileKind::Extension(other.to_ascii_lowercase()))
        }
    };
    Some(Reason::File(kind))
}

/// Whether a file in an archive or a store is a picture, by its name there, else by its first bytes. One that is not is added to
/// `left_out`.
pub fn is_picture_name(name: &Path, first_bytes: impl FnOnce() -> Vec<u8>, left_out: &mut LeftOut) -> bool {
    let reason = reason_by_name(name, true, first_bytes);
    let is_picture = reason.is_none();
    reason
        .into_iter()
        .for_each(|reason| left_out.add_file(reason, name));
    is_picture
}

/// Why a file with this name in an archive or a store is no picture, if it is none: the folders in the name count too.
pub(crate) fn reason_by_name(
    name: &Path,
    is_regular: bool,
    first_bytes: impl FnOnce() -> Vec<u8>,
) -> Option<Reason> {
    let parts: Vec<_> = normal_parts(name).collect();
    let (file, folders) = parts.split_last()?;
    let folder = folders.iter().find_map(|folder| Clutter::of_folder(folder));
    match folder.or_else(|| Clutter::of_file(file)) {
        Some(clutter) => Some(Reason::ClutterFile(clutter)),
        None => other_kind_by(name, is_regular, first_bytes),
    }
}

/// The names of a path, without what leads up or to the root.
pub(crate) fn normal_parts(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}

fn first_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FIRST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
