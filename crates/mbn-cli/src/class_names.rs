//! Files of class names.

mod conversion;
mod json;
mod lines;
mod numbering;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use mbn_spec::class_names::Comparison;
use mbn_spec::text::counted;
use mbn_weights::Weights;

use crate::text_file::{text, to_utf8};
use crate::{Hint, quote, text_file};
use conversion::OtherForm;

/// The classes in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassList {
    /// Their names, in the order of the classes.
    pub names: Vec<String>,
    /// Their identifiers, `n01440764`, if the file has them apart from the names; else empty.
    pub ids: Vec<String>,
}

/// Reads a file of class names. Lines are names, verbatim except for a leading byte order mark and empty lines at the end, unless
/// each begins with its number, as in `5 French horn`, `5: French horn` or `5,French horn`: then the numbers order the names, and are
/// logged as such. JSON may be a list of names, or give each number a name or each name a number. Two classes may share a name, as
/// ImageNet's `crane` is a bird and a machine; since that is usually a mistake, it is logged as a warning.
///
/// # Errors
/// The file cannot be read as UTF-8, is empty, has an empty line before a name, numbers that order nothing, or another form.
pub fn read_class_names(path: &Path) -> Result<ClassList> {
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
        None => of_lines(path, text)?,
    };
    if let Some(class) = list.names.iter().position(|name| name.trim().is_empty()) {
        bail!("`{}` has no name for class {class}", path.display());
    }
    Ok(list)
}

/// The classes of a file in JSON, or in a form that could be JSON; `None` if it is a text of lines.
fn of_json(path: &Path, text: &str) -> Result<Option<ClassList>> {
    let shown = path.display();
    let error = match json::is_meant(path, text).then(|| json::read(text)) {
        Some(Ok(numbered)) => {
            if numbered.first != 0 {
                log::info!("`{shown}`: its classes are numbered from {} on", numbered.first);
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

/// The classes of a text with a line for each.
fn of_lines(path: &Path, text: &str) -> Result<ClassList> {
    let shown = path.display();
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    // Editors and scripts leave empty lines at the end.
    while names.pop_if(|name| name.trim().is_empty()).is_some() {}
    if names.is_empty() {
        bail!("`{shown}` is empty, expected one class name per line");
    }
    if let Some(i) = names.iter().position(|name| name.trim().is_empty()) {
        bail!("line {} of `{shown}` is empty, expected a class name", i + 1);
    }
    let names = match lines::numbered(&names) {
        None => {
            warn_of_repeated(path, &names, "lines", 1);
            warn_of_comment(path, &names);
            names
        }
        Some(Ok(numbered)) => {
            log::info!(
                "`{shown}`: its lines are numbered from {} on; the classes are in the order of these numbers, which are left \
                 out of the names",
                numbered.first
            );
            warn_of_repeated(path, &numbered.items, "classes", 0);
            numbered.items
        }
        Some(Err(error)) => {
            return Err(anyhow!(
                "every line of `{shown}` begins with a number, and {error}"
            ))
            .hint(|| {
                "number the names from 0 on in the order of the network's outputs, or leave the numbers out; \
                 if they are a part of the names, write these as a list in JSON: [\"20 km/h\", \"30 km/h\"]"
                    .to_owned()
            });
        }
    };
    Ok(ClassList {
        names,
        ids: Vec::new(),
    })
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
    match found == classes + 1 && begins_with_comment(names) {
        true => Err(anyhow!(
            "{counts}: its first line counts as one, `{}`",
            names[0].escape_debug()
        ))
        .hint(|| "take out that line: such a file has no comments".to_owned()),
        false => Err(anyhow!(counts)),
    }
}

/// Gives the weights of the file `path` the class names in the file `names_path`, which `option` names. Names that the
/// weights have, spelled differently, are logged as a warning.
///
/// # Errors
/// The names cannot be read, are more or fewer than the classes, or are the weights' own in another order.
pub fn rename_classes(weights: Weights, path: &Path, option: &str, names_path: &Path) -> Result<Weights> {
    let ClassList { names, .. } = read_class_names(names_path)?;
    let (source, model) = (
        format!("{option} {}", names_path.display()),
        format!("`{}`", path.display()),
    );
    require_count(&source, &names, &model, weights.architecture().classes)?;
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
