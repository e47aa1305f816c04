//! Files of class names.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use mbn_spec::class_names::Comparison;
use mbn_spec::text::counted;
use mbn_weights::Weights;

use crate::text_file::{text, to_utf8};
use crate::{Hint, quote, text_file};

/// Reads a file with one class name per line, verbatim except for a leading byte order mark and empty lines at the end. Two classes may share a name,
/// as ImageNet's `crane` is a bird and a machine; since that is usually a mistake, it is logged as a warning.
///
/// # Errors
/// The file cannot be read as UTF-8, is empty, or has an empty line before a name.
pub fn read_class_names(path: &Path) -> Result<Vec<String>> {
    let cannot_read = || format!("cannot read class names from `{}`", path.display());
    let bytes = text_file::read(path).with_context(cannot_read)?;
    let text = match text(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let hint = to_utf8(&error, &quote(path));
            return Err(error).with_context(cannot_read).hint(|| hint);
        }
    };
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    // Editors and scripts leave empty lines at the end.
    while names.pop_if(|name| name.trim().is_empty()).is_some() {}
    if names.is_empty() {
        bail!("`{}` is empty, expected one class name per line", path.display());
    }
    match names.iter().position(|name| name.trim().is_empty()) {
        Some(i) => bail!(
            "line {} of `{}` is empty, expected a class name",
            i + 1,
            path.display()
        ),
        None => {
            if let Some((first, second)) = repeated(&names) {
                let (path, name) = (path.display(), &names[first]);
                let (first, second) = (first + 1, second + 1);
                log::warn!("lines {first} and {second} of `{path}` both name a class `{name}`");
            }
            Ok(names)
        }
    }
}

/// Gives the weights of the file `path` the class names in the file `names_path`, which `option` names. Names that the
/// weights have, spelled differently, are logged as a warning.
///
/// # Errors
/// The names cannot be read, are more or fewer than the classes, or are the weights' own in another order.
pub fn rename_classes(weights: Weights, path: &Path, option: &str, names_path: &Path) -> Result<Weights> {
    let names = read_class_names(names_path)?;
    let (found, expected) = (names.len(), weights.architecture().classes);
    if found != expected {
        let (found, names_path, path) = (counted(found, "class"), names_path.display(), path.display());
        bail!("`{option} {names_path}` has {found}, `{path}` has {expected}");
    }
    if let Some(own) = &weights.metadata().classes {
        let comparison = Comparison::new(&names, own);
        if comparison.is_reordered() {
            let (names_path, path) = (names_path.display(), path.display());
            return Err(anyhow!(
                "`{option} {names_path}` has the class names of `{path}` in another order: {}",
                comparison.reordered()
            ))
            .hint(|| {
                format!("leave out `{option}`: the weights name their classes, in the order of the network's outputs")
            });
        }
        if let Some(respelled) = comparison.respelled() {
            log::warn!("in `{}` {respelled}", names_path.display());
        }
    }
    Ok(weights.with_class_names(names)?)
}

/// Indexes of the first two equal names.
fn repeated(names: &[String]) -> Option<(usize, usize)> {
    let mut seen = HashMap::new();
    let mut names = names.iter().enumerate();
    names.find_map(|(i, name)| Some((seen.insert(name, i)?, i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(content: &[u8]) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.txt");
        std::fs::write(&path, content).unwrap();
        read_class_names(&path)
    }

    #[test]
    fn names_are_taken_verbatim() {
        assert_eq!(
            names(b"golf ball\n  n0123, tench\nchurch").unwrap(),
            ["golf ball", "  n0123, tench", "church"]
        );
        assert_eq!(names(b"a\r\nb\r\n").unwrap(), ["a", "b"]);
        assert_eq!(names(b"\xef\xbb\xbfa\nb\n").unwrap(), ["a", "b"]);
        for end in ["\n\n", "\r\n\r\n", "\n \t\n\n"] {
            assert_eq!(names(format!("a\n b{end}").as_bytes()).unwrap(), ["a", " b"]);
        }
        assert_eq!(names(b"a\nb \n\n").unwrap(), ["a", "b "]);
    }

    #[test]
    fn a_repeated_name_is_found() {
        let names = |names: [&str; 4]| names.map(str::to_owned);
        assert_eq!(repeated(&names(["a", "b", "c", "b"])), Some((1, 3)));
        assert_eq!(repeated(&names(["a", "b", "c", " b"])), None);
        assert_eq!(super::tests::names(b"a\na\n").unwrap(), ["a", "a"]);
    }

    #[test]
    fn files_without_names_are_refused() {
        for (content, part) in [
            (&b""[..], "is empty"),
            (b"\n\n", "is empty"),
            (b"\na\n", "line 1"),
            (b"a\n\nb\n", "line 2"),
            (b"\xff\xfea\0", "cannot read"),
            (b"a\nb\xe9\n", "cannot read"),
        ] {
            let message = names(content).unwrap_err().to_string();
            assert!(
                message.contains(part) && message.contains("names.txt"),
                "{message}"
            );
        }
    }
}
