//! The file that a program writes.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result};
use mbn_files::{Folders, OutputError, OutputProblem};

use crate::{Hinted, UsageError, quote};

/// Refuses `-`, which a user may mean as stdout, for an output that cannot go there.
///
/// # Errors
/// [`UsageError`], for exit code 2.
pub fn refuse_stdout(output: &Path) -> Result<(), UsageError> {
    match output == Path::new("-") {
        true => Err(UsageError(
            "`-` stands for stdout, where this output cannot go; `./-` is a file or folder of that name"
                .to_owned(),
        )),
        false => Ok(()),
    }
}

/// Checks before the work begins that the output `path` can be written. Errors carry advice.
///
/// # Errors
/// It is a folder, or its folder does not exist or cannot be written to.
pub fn check_output(path: &Path) -> Result<()> {
    let checked = mbn_files::check_output(path, Folders::Present);
    checked.map_err(advise).map(drop)
}

/// As [`check_output`], for an output that must be a file; returns the file's own name, links followed.
///
/// # Errors
/// As [`check_output`], and if it is a device, a pipe, an open file, or `-`.
pub fn check_output_file(path: &Path) -> Result<PathBuf> {
    refuse_stdout(path)?;
    mbn_files::check_output_file(path, Folders::Present).map_err(advise)
}

/// As [`check_output`], for a folder that gets files, and that the program creates if it is missing.
///
/// # Errors
/// It or the nearest folder above it cannot be written to, or is no folder, or `-`.
pub fn check_output_folder(path: &Path) -> Result<()> {
    refuse_stdout(path)?;
    mbn_files::check_output_folder(path).map_err(advise)
}

fn advise(error: OutputError) -> Error {
    let hint = match &error.problem {
        OutputProblem::IsFolder => {
            format!("name a file in it, such as `{}`", quote(&error.path.join("NAME")))
        }
        OutputProblem::NamesFolder => "leave out the end of the path, or add the name of a file".to_owned(),
        OutputProblem::NoFolder(folder) => format!("`mkdir -p {}` creates it", quote(folder)),
        OutputProblem::IsStream => {
            "name a file: the program writes a temporary file and renames it when it is complete".to_owned()
        }
        _ => return error.into(),
    };
    let error = error.into();
    Hinted { error, hint }.into()
}
