//! Whether inputs can have a column.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_cli::UsageError;

use super::container::Kind;
use super::remote::is_url;
use crate::options::Options;

/// Whether a file is taken for a table, by its name.
pub(super) fn is_table(path: &Path) -> bool {
    matches!(Kind::of(path), Some(Kind::Parquet | Kind::Arrow))
}

/// Refuses a column where every path is a file without one. Folders, patterns, lists and URLs may lead to a table.
///
/// # Errors
/// [`UsageError`], for exit code 2.
pub fn require_table(options: &Options) -> Result<()> {
    if options.column.is_none() || options.list.is_some() {
        return Ok(());
    }
    let has_none =
        |path: &PathBuf| path == Path::new("-") || (!is_url(path) && path.is_file() && !is_table(path));
    match options.paths.iter().all(has_none) {
        true => {
            Err(UsageError("`--column` has no effect: no PATH is a Parquet or Arrow file".to_owned()).into())
        }
        false => Ok(()),
    }
}
