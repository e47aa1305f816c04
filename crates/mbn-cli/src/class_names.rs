//! Files of class names.

mod conversion;
mod json;
mod lines;
mod numbering;
mod of_lines;
mod rename;
mod stray_numbers;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use mbn_spec::class_names::normal;
use mbn_spec::text::counted;

use crate::text_file::{text, to_utf8};
use crate::{Hint, quote, text_file};
use conversion::OtherForm;
pub use rename::{Renamed, rename_classes};

/// The classes in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassList {
    /// Their names, in the order of the classes.
    pub names: Vec<String>,
    /// Their identifiers, `n01440764`, if the file has them apart from the names; else empty.
    pub ids: Vec<String>,
    /// What else the classes may be called, in their order, where each line begins with a number: with it if `names` are without it,
    /// or the other way round; else empty.
    pub others: Vec<String>,
}

/// Reads a file of class names. Lines are names, verbatim except for a leading byte order mark and empty lines at the end, unless
/// each begins with its number, as in `5 French horn`, `5: French horn` or `5,French horn`: then the numbers order the names, and are
/// logged as such. Where numbers are probably a part of the names, as in `2 stars`, the lines are taken verbatim with a warning. JSON
/// may be a list of names, or give each number a name or each name a number; such a list may be a field of it, as `id2label` is of a
/// `config.json`. Numbers in a form that is not read, as in `French horn,5`, are taken as a part of the names with a warning, and
/// refused where they say another order than the lines. Two classes may share a name, as ImageNet's `crane` is a
/// bird and a machine; since that is usually a mistake, it is logged as a warning.
///
/// `known` are names that the classes are likely to have: if they are the lines with their numbers, or without, so are the names.
///
/// # Errors
/// The file cannot be read as UTF-8, is empty, has an empty line before a name, numbers that contradict the lines, or another form.
pub fn read_class_names(path: &Path, known: &[String]) -> Result<ClassList> {
    let cannot_read = || format!("cannot read class names from `{}`", path.display());
    let bytes = text_file::read(path).with_context(cannot_read)?;
    let text = match text(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let hint = to_utf8(&error, &quote(path));
            return Err(error).with_context(cannot_read).hint(|| hint);
        }
    };
    let list = match of_json(path, text)? {
        Some(list) => list,
        None => of_lines::read(path, text, known)?,
    };
    if let Some(class) = list.names.iter().position(|name| name.trim().is_empty()) {
        bail!("`{}` has no name for class {class}", path.display());
    }
    Ok(list)
}

/// How many of the names `known` are among the names, each of which may have several between commas.
pub fn known_among(names: &[String], known: &[String]) -> usize {
    let parts = names.iter().flat_map(|name| name.split(',').map(normal));
    let all: HashSet<_> = parts.chain(names.iter().map(|name| normal(name))).collect();
    known.iter().filter(|name| all.contains(&normal(name))).count()
}

/// The classes of a file in JSON, or in a form that could be JSON; `None` if it is a text of lines.
fn of_json(path: &Path, text: &str) -> Result<Option<ClassList>> {
    let shown = path.display();
    let error = match json::is_meant(path, text).then(|| json::read(text)) {
        Some(Ok(numbered)) => {
            match numbered.first {
                0 => {}
                1 if numbered.items.len() > 9 => log::warn!(
                    "`{shown}`: its classes are numbered from 1 on and taken in the order of the numbers; if the numbers are the \
                     names of folders, torchvision and Keras have sorted these as text, 1, 10, 11, 2: then write the names as a list, \
                     [\"name\", ...], in the order of the network's outputs"
                ),
                first => log::info!("`{shown}`: its classes are numbered from {first} on"),
            }
            let list: ClassList = numbered.items.into_iter().collect();
            if list.names.is_empty() {
                bail!("`{shown}` is empty, expected names of classes");
            }
            warn_of_repeated(path, &list.names, "classes", 0);
            return Ok(Some(list));
        }
        Some(Err(error)) => Some(error),
        None => None,
    };
    match (OtherForm::of(path, text), error) {
        (Some(form), None | Some(json::JsonError::Syntax(_))) => Err(anyhow!(
            "`{shown}` is {}, expected one class name per line, or JSON",
            form.name()
        ))
        .hint(|| form.command(path)),
        (_, Some(error)) => Err(anyhow!("`{shown}` {error}")),
        (None, None) => Ok(None),
    }
}

/// Warns of two classes with one name. `first` is the number of the first of the `things` that have the names.
fn warn_of_repeated(path: &Path, names: &[String], things: &str, first: usize) {
    if let Some((one, other)) = repeated(names) {
        let (path, name) = (path.display(), names[one].escape_debug());
        let (one, other) = (one + first, other + first);
        log::warn!("{things} {one} and {other} of `{path}` both name a class `{name}`");
    }
}

/// Warns of a first line that looks like a comment, of which there are none in such a file.
fn warn_of_comment(path: &Path, names: &[String]) {
    if begins_with_comment(names) {
        let (path, name) = (path.display(), names[0].escape_debug());
        log::warn!(
            "line 1 of `{path}` is taken as the name of a class, though it looks like a comment: `{name}`"
        );
    }
}

/// Whether the first name alone begins with a `#`.
fn begins_with_comment(names: &[String]) -> bool {
    let mut commented = names.iter().map(|name| name.trim_start().starts_with('#'));
    commented.next() == Some(true) && !commented.any(|is_commented| is_commented)
}

/// Checks that `source` names as many classes as `model` has.
///
/// # Errors
/// It names more or fewer.
pub fn require_count(source: &str, names: &[String], model: &str, classes: usize) -> Result<()> {
    let found = names.len();
    if found == classes {
        return Ok(());
    }
    let counts = format!(
        "`{source}` has {}, {model} has {classes}",
        counted(found, "class")
    );
    let first = names.first().map_or("", String::as_str);
    let is_background = normal(first) == normal(BACKGROUND);
    let counts_line = |what: &str| {
        let error = anyhow!(
            "{counts}: its first line counts as one, `{}`",
            first.escape_debug()
        );
        Err(error).hint(|| format!("take out that line: such a file has no {what}"))
    };
    match found.checked_sub(classes) {
        Some(1) if begins_with_comment(names) => counts_line("comments"),
        Some(1) if is_header(first) => counts_line("header"),
        Some(1) if is_background => {
            Err(anyhow!(counts)).hint(|| format!("take out `{BACKGROUND}`, which this model is without"))
        }
        None if (found + 1, classes) == (WITH_BACKGROUND, WITH_BACKGROUND) && !is_background => {
            Err(anyhow!(counts)).hint(|| {
                format!("if it is a network of TensorFlow, which has a class before the others, put `{BACKGROUND}` first")
            })
        }
        _ => Err(anyhow!(counts)),
    }
}

/// The class that TensorFlow's networks have before the others.
const BACKGROUND: &str = "background";
/// How many classes they have with it, of ImageNet.
const WITH_BACKGROUND: usize = 1001;

/// Whether a line is the header of a table with class names, such as `index,name`.
fn is_header(line: &str) -> bool {
    const TITLES: [&str; 16] = [
        "id",
        "index",
        "idx",
        "no",
        "number",
        "class",
        "classes",
        "classid",
        "classname",
        "label",
        "labels",
        "name",
        "names",
        "category",
        "categories",
        "synset",
    ];
    let plain = |title: &str| title.to_lowercase().replace(|c: char| !c.is_alphabetic(), "");
    let mut titles = line.split([',', ';', '\t', '|']).map(plain);
    titles.all(|title| TITLES.contains(&&*title))
}

/// Indexes of the first two equal names.
fn repeated(names: &[String]) -> Option<(usize, usize)> {
    let mut seen = HashMap::new();
    let mut names = names.iter().enumerate();
    names.find_map(|(i, name)| Some((seen.insert(name, i)?, i)))
}
