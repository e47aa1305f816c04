//! STL-10's two text files: the class names and the indices of the folds.

use std::path::Path;

use mbn_files::whole_file;

use super::Failure;
use super::error::{Stl10Error, Stl10ErrorKind};

/// Largest number of classes: a label is one byte, and 0 is not used.
const MOST_CLASSES: usize = 255;

/// The largest text file, in bytes: the indices of ten million images have less.
const MOST_BYTES: u64 = 64 << 20;

/// The class names, one per line, verbatim.
pub(super) fn class_names(path: &Path) -> Result<Vec<String>, Stl10Error> {
    let text = read(path)?;
    parse_class_names(&text).map_err(|kind| Stl10Error {
        path: path.to_owned(),
        kind,
    })
}

/// The indices of the images of fold `fold`; each is below `pictures`.
pub(super) fn fold(path: &Path, fold: usize, pictures: usize) -> Result<Vec<usize>, Stl10Error> {
    let text = read(path)?;
    parse_fold(&text, fold, pictures).map_err(|kind| Stl10Error {
        path: path.to_owned(),
        kind,
    })
}

fn read(path: &Path) -> Result<String, Stl10Error> {
    let failed = |kind| Stl10Error {
        path: path.to_owned(),
        kind,
    };
    let read = whole_file::read(path, MOST_BYTES, Failure::TooLarge);
    let bytes = read.map_err(|failure| match failure {
        Failure::TooLarge(bytes) => failed(Stl10ErrorKind::TooLarge {
            bytes,
            limit: MOST_BYTES,
        }),
        Failure::Io(error) => Stl10Error::reading(path, error),
    })?;
    String::from_utf8(bytes).map_err(|_| failed(Stl10ErrorKind::NotText))
}

fn parse_class_names(text: &str) -> Result<Vec<String>, Stl10ErrorKind> {
    // Some editors write a byte order mark, which is not part of the first name.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.trim_end_matches(['\r', '\n']);
    // Before each name is compared with all those before it.
    let count = text.lines().count();
    if count > MOST_CLASSES {
        return Err(Stl10ErrorKind::ClassCount { count });
    }
    let mut names: Vec<String> = Vec::new();
    for (line, name) in (1..).zip(text.lines()) {
        let problem = if name.trim().is_empty() {
            "is empty".to_owned()
        } else if let Some(first) = names.iter().position(|other| other == name) {
            format!("repeats `{name}` of line {}", first + 1)
        } else {
            names.push(name.to_owned());
            continue;
        };
        return Err(Stl10ErrorKind::ClassName { line, problem });
    }
    match count {
        2.. => Ok(names),
        _ => Err(Stl10ErrorKind::ClassCount { count }),
    }
}

fn parse_fold(text: &str, fold: usize, pictures: usize) -> Result<Vec<usize>, Stl10ErrorKind> {
    let mut lines = text.trim_end().lines();
    let folds = lines.clone().count();
    let line = lines.nth(fold).ok_or(Stl10ErrorKind::NoFold { fold, folds })?;
    let problem = |problem| Stl10ErrorKind::Fold {
        fold,
        problem,
        pictures,
    };
    let index = |word: &str| match word.parse::<usize>() {
        Ok(index) if index < pictures => Ok(index),
        Ok(index) => Err(problem(format!("names image {index}"))),
        Err(_) => Err(problem(format!("has `{}`", word.escape_debug()))),
    };
    let indices: Vec<usize> = line.split_whitespace().map(index).collect::<Result<_, _>>()?;
    match indices.is_empty() {
        true => Err(problem("is empty".to_owned())),
        false => Ok(indices),
    }
}
