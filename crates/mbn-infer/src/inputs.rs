//! The images to classify: what the paths stand for, in their order.

use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::Hint;
use mbn_data::{collect, labelled_folder};

use crate::options::Options;

/// An image file, or a path that stands for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The path as given, or as found below the folder given.
    pub path: PathBuf,
    /// Index of its class, where that is known.
    pub class: Option<usize>,
    /// Why it stands for no image.
    pub problem: Option<String>,
}

/// The images that the options ask for. `class_names` are the model's.
///
/// # Errors
/// A list that cannot be read; for `--evaluate`, a path that is not a folder of the model's classes.
pub fn inputs(options: &Options, class_names: &[String]) -> Result<Vec<Input>> {
    if options.evaluate {
        let folders = options.paths.iter().map(|path| labelled(path, class_names));
        return Ok(folders.collect::<Result<Vec<_>>>()?.concat());
    }
    let mut paths = options.paths.clone();
    if let Some(list) = &options.list {
        paths.extend(read_list(list)?);
        if paths.is_empty() {
            bail!("`--list {}` names no path", list.display());
        }
    }
    let inputs = collect(&paths).into_iter().map(|found| match found {
        Ok(path) => Input {
            path,
            class: None,
            problem: None,
        },
        Err(error) => Input {
            problem: Some(describe(&error.kind)),
            path: error.path,
            class: None,
        },
    });
    Ok(inputs.collect())
}

/// An error with its causes, without the path that the outermost error names.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The images of a folder of `CLASS/*`, with the model's indexes of their classes.
fn labelled(folder: &Path, class_names: &[String]) -> Result<Vec<Input>> {
    let found = labelled_folder(folder).hint(|| "`--evaluate` takes folders of `CLASS/*`".to_owned())?;
    let index = |name: &String| class_names.iter().position(|known| known == name);
    let unknown: Vec<_> = found
        .class_names
        .iter()
        .filter(|name| index(name).is_none())
        .cloned()
        .collect();
    if !unknown.is_empty() {
        let (folder, unknown, known) = (folder.display(), listed(&unknown), listed(class_names));
        return Err(anyhow!(
            "the model has no classes of the names of these folders in `{folder}`: {unknown}"
        ))
        .hint(|| format!("the model's classes are {known}"));
    }
    let classes: Vec<_> = found.class_names.iter().map(index).collect();
    let inputs = found.items.into_iter().map(|(path, label)| Input {
        path,
        class: classes[label as usize],
        problem: None,
    });
    Ok(inputs.collect())
}

fn listed(names: &[String]) -> String {
    const LISTED: usize = 12;
    let shown = names
        .iter()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

fn read_list(list: &Path) -> Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    if list == Path::new("-") {
        stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("cannot read the list on stdin")?;
    } else {
        bytes = std::fs::read(list).with_context(|| format!("cannot read the list `{}`", list.display()))?;
    }
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(lines.filter(|line| !line.is_empty()).map(path_of).collect())
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_path_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        std::fs::write(&list, b"a b.png\r\n\n  c.png\nd\xff.png").unwrap();
        let paths = read_list(&list).unwrap();
        assert_eq!(paths[..2], [PathBuf::from("a b.png"), PathBuf::from("  c.png")]);
        assert_eq!(paths.len(), 3);
        #[cfg(unix)]
        assert_eq!(paths[2].to_str(), None);
    }

    #[test]
    fn classes_get_the_models_indexes() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["church", "tench"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("1.png"), b"").unwrap();
        }
        let names = ["tench", "golf ball", "church"].map(str::to_owned);
        let classes: Vec<_> = labelled(folder.path(), &names)
            .unwrap()
            .iter()
            .map(|i| i.class)
            .collect();
        assert_eq!(classes, [Some(2), Some(0)]);
        let message = labelled(folder.path(), &names[1..]).unwrap_err().to_string();
        assert!(
            message.contains("`tench`") && !message.contains("`church`"),
            "{message}"
        );
    }
}
