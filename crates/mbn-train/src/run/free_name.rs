//! The folder of a new run that the user does not name.

use std::path::{Path, PathBuf};

use crate::settings::Settings;

use super::vacancy::is_left_of_the_same;

/// `FOLDER/DATA_ALPHA` and `suffix`, and then the same with a number from 2 on.
pub(super) fn names(folder: &Path, settings: &Settings, suffix: &str) -> impl Iterator<Item = PathBuf> {
    let data = settings
        .data
        .canonicalize()
        .unwrap_or_else(|_| settings.data.clone());
    let data = data
        .file_name()
        .map_or("data".into(), |name| name.to_string_lossy());
    let base = format!("{data}_{}{suffix}", settings.alpha);
    let folder = folder.to_owned();
    (1_u64..).map(move |number| match number {
        1 => folder.join(&base),
        _ => folder.join(format!("{base}_{number}")),
    })
}

/// Whether a new run or search may take this name: nothing has it, or what a search with the same settings left when it was stopped.
pub(super) fn is_free(folder: &Path, settings: &Settings) -> bool {
    folder.symlink_metadata().is_err() || is_left_of_the_same(folder, settings)
}
