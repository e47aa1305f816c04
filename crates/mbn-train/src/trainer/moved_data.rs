//! The data set of a resumed run, which may have moved or changed.

use std::path::Path;

use anyhow::Result;
use mbn_cli::{Hint, Hinted};
use mbn_data::{DataError, FolderError, Splits};
use mbn_spec::text::listed;

use super::same_images::about_libheif;
use crate::data;
use crate::options::Options;
use crate::settings::Settings;

/// Folders that a hint lists before it counts the others.
const LISTED: usize = 6;

/// The data of a resumed run with these classes. `--data` gives its new folder if it has moved, and the settings then hold that.
pub(super) fn moved_data(options: &Options, settings: &mut Settings, classes: &[String]) -> Result<Splits> {
    if let Some(folder) = &options.run.data {
        settings.data.clone_from(folder);
        settings.require_utf8()?;
        return hint_at_libheif(data::open_again(settings), options);
    }
    hint_if_none(hint_at_libheif(data::open_again(settings), options), || {
        if let Some(hint) = other_layout(&settings.data, classes) {
            return hint;
        }
        let relative = match settings.data.is_relative() {
            true => ", relative to the folder where the run was started",
            false => "",
        };
        let folder = settings.data.display();
        format!("the data was in `{folder}`{relative}; if it has moved, give its folder with `--data DIR`")
    })
}

/// Adds the hint for a class that has no images but those that libheif reads.
fn hint_at_libheif(opened: Result<Splits>, options: &Options) -> Result<Splits> {
    let error = opened.as_ref().err().and_then(|error| error.downcast_ref());
    let is_without = match error {
        Some(DataError::Folder(FolderError::NoImages { left_out, .. })) => left_out.has_heif(),
        _ => return opened,
    };
    let run = options.resume.as_deref().unwrap_or(Path::new("RUN"));
    match about_libheif(is_without, options, run) {
        Some(hint) => opened.hint(|| hint),
        None => opened,
    }
}

/// The hint for a data set in which the folders of the run's classes are still in their place, and others came that divide it in another
/// way. `None` if there are no such folders.
fn other_layout(folder: &Path, classes: &[String]) -> Option<String> {
    let entries = folder.read_dir().ok()?.flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names: Vec<_> = folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let (own, mut others): (Vec<_>, Vec<_>) = names
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .partition(|name| classes.contains(name));
    others.sort();
    (!own.is_empty() && !others.is_empty()).then(|| {
        let others = listed(others.iter().map(|name| format!("`{name}`")), LISTED);
        format!(
            "its layout differs from when the run was started: beside folders of the run's classes, `{}` now has {others}; move out what \
             was added, or start a new run",
            folder.display()
        )
    })
}

/// Adds a hint to an error that has none.
pub(super) fn hint_if_none<T>(result: Result<T>, hint: impl FnOnce() -> String) -> Result<T> {
    match result.as_ref().is_err_and(|error| error.is::<Hinted>()) {
        true => result,
        false => result.hint(hint),
    }
}
