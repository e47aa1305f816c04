//! Finds the picture files below a folder. Follows links and skips hidden files.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::decode::PictureFormat;

/// The content of a folder and its subfolders.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files with the extension of a picture, each folder sorted by name. A folder that cannot be listed or a broken
    /// link is an error in its place.
    pub images: Vec<Result<PathBuf, (PathBuf, io::Error)>>,
    /// Number of other files.
    pub ignored: usize,
}

/// Whether a file name has the extension of a picture. Its content may still be something else.
fn is_image_name(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(PictureFormat::has_extension)
}

/// Whether a name begins with a dot.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// All picture files below a folder. Does not follow a link to a folder above it.
pub(crate) fn images_below(folder: &Path) -> Found {
    let visible = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(entry.file_name());
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    let mut found = Found::default();
    for entry in walk.into_iter().filter_entry(visible) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) if is_image_name(entry.path()) => found.images.push(Ok(entry.into_path())),
            Ok(_) => found.ignored += 1,
            Err(error) if error.loop_ancestor().is_some() => {
                log::warn!("link not followed: {error}");
            }
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let error = error
                    .into_io_error()
                    .unwrap_or_else(|| io::Error::other("it cannot be listed"));
                // `visible` never sees a hidden broken link.
                if path == folder || !path.file_name().is_some_and(is_hidden) {
                    found.images.push(Err((path, error)));
                }
            }
        }
    }
    found
}
