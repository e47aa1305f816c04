//! Picture files below a folder: sorted, links followed, hidden files left out.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// Extensions of the formats that are read, in lower case.
const EXTENSIONS: [&str; 8] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "gif"];

/// What lies below a folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files with the extension of a picture, each folder sorted by name; in their place folders that cannot be
    /// listed and links to nothing.
    pub images: Vec<Result<PathBuf, (PathBuf, io::Error)>>,
    /// Number of files without one.
    pub ignored: usize,
}

/// Whether a file's name is that of a picture. The content may still say otherwise.
pub(crate) fn is_image_name(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}

/// Whether a name begins with a dot.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// All pictures below a folder. A link back to a folder above it is not followed.
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
                log::warn!("not followed: {error}");
            }
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let error = error
                    .into_io_error()
                    .unwrap_or_else(|| io::Error::other("it cannot be listed"));
                // A hidden link to nothing never gets to `visible`.
                if path == folder || !path.file_name().is_some_and(is_hidden) {
                    found.images.push(Err((path, error)));
                }
            }
        }
    }
    found
}
