//! Which column of a table holds pictures.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};
use mbn_spec::text::listed;

use crate::output::printable;

/// Names that a column of pictures usually has, if several columns may be it: the first one counts.
const USUAL: [&str; 6] = ["image", "img", "picture", "photo", "jpg", "png"];

/// Columns that an error lists.
const LISTED: usize = 12;

/// What a column of pictures is, and how a table gets one.
const EXPECTED: &str = "binary data or `struct<bytes, path>`";
const ADVICE: &str = "write the bytes of the picture files into a column of binary data";

/// A column at the top level of a table.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    /// Its type, for a message.
    pub(super) kind: String,
    /// It is binary, or a struct with binary `bytes`.
    pub(super) holds_pictures: bool,
}

/// The place of the column that holds pictures: the one called `wanted`, else the only one that may be it or one with a usual name,
/// in any case. Says which one, if several of the table `path` may be it.
///
/// # Errors
/// There is none, or several may be it.
pub(super) fn choose(columns: &[Column<'_>], wanted: Option<&str>, path: &Path) -> Result<usize> {
    if let Some(name) = wanted {
        return called(columns, name);
    }
    let suitable: Vec<_> = (0..columns.len())
        .filter(|place| columns[*place].holds_pictures)
        .collect();
    match suitable.as_slice() {
        [] => bail!(
            "it has no column of images, expected one of {EXPECTED}; its columns are {}; {ADVICE}",
            with_types(columns)
        ),
        [only] => return Ok(*only),
        _ => {}
    }
    let place_of = |name: &&str| {
        let names = suitable.iter().map(|place| (*place, columns[*place].name));
        one_called(names, name)
    };
    let names = |places: &[usize]| listed(places.iter().map(|place| quoted(columns[*place].name)), LISTED);
    let Some(found) = USUAL.iter().find_map(place_of) else {
        bail!(
            "several of its columns may hold images, {}, expected one of them to be called `image`; `--column` names another",
            names(&suitable)
        );
    };
    let others: Vec<_> = suitable.into_iter().filter(|place| *place != found).collect();
    say_once(
        path,
        &format!(
            "images are in the column {}; {} may hold some too, and `--column` names another",
            quoted(columns[found].name),
            names(&others)
        ),
    );
    Ok(found)
}

/// The column called `name`, exactly, else in another case if there is one alone.
fn called(columns: &[Column<'_>], name: &str) -> Result<usize> {
    let names = columns.iter().map(|column| column.name);
    let place = one_called(names.enumerate(), name).ok_or_else(|| {
        anyhow!(
            "it has no column `{name}`; its columns are {}",
            with_types(columns)
        )
    })?;
    let Column {
        name,
        kind,
        holds_pictures,
    } = &columns[place];
    match holds_pictures {
        true => Ok(place),
        false => bail!(
            "its column {} is {} and holds no images, expected {EXPECTED}; {ADVICE}",
            quoted(name),
            quoted(kind)
        ),
    }
}

/// The place of the one called `name`, exactly, else in another case if there is one alone.
fn one_called<'a>(names: impl Iterator<Item = (usize, &'a str)> + Clone, name: &str) -> Option<usize> {
    let exact = names.clone().find(|(_, known)| *known == name);
    let mut alike = names.filter(|(_, known)| known.to_lowercase() == name.to_lowercase());
    let (place, _) = exact.or_else(|| alike.next().filter(|_| alike.next().is_none()))?;
    Some(place)
}

/// Logs something about a table, unless it has been said of another one: there may be thousands of the same columns.
fn say_once(path: &Path, text: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(text.to_owned()) {
        log::info!("`{}`: {text}", path.display());
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", printable(name))
}

fn with_types(columns: &[Column<'_>]) -> String {
    let column = |column: &Column<'_>| quoted(&format!("{}: {}", column.name, column.kind));
    listed(columns.iter().map(column), LISTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], wanted: Option<&str>) -> Result<usize, String> {
        let column = |name: &&'static str| Column {
            name,
            kind: "binary".to_owned(),
            holds_pictures: true,
        };
        let names: Vec<&'static str> = names.iter().map(|name| &*name.to_string().leak()).collect();
        let columns: Vec<_> = names.iter().map(column).collect();
        choose(&columns, wanted, Path::new("t.parquet")).map_err(|error| error.to_string())
    }

    #[test]
    fn usual_names_are_preferred_in_their_order_and_in_any_case() {
        assert_eq!(chosen(&["mask", "png", "jpg", "Photo", "IMG"], None), Ok(4));
        assert_eq!(chosen(&["mask", "png", "jpg", "Photo"], None), Ok(3));
        assert_eq!(chosen(&["Image", "image"], None), Ok(1));
        assert_eq!(chosen(&["x"], None), Ok(0));
        // Neither of two that differ in case alone.
        assert!(chosen(&["Image", "IMAGE"], None).is_err());
        assert_eq!(chosen(&["Image", "IMAGE", "img"], None), Ok(2));
    }

    #[test]
    fn a_name_that_is_given_is_taken_in_any_case() {
        assert_eq!(chosen(&["mask", "Depth"], Some("depth")), Ok(1));
        assert_eq!(chosen(&["Depth", "depth"], Some("depth")), Ok(1));
        let message = chosen(&["Depth", "DEPTH"], Some("depth")).unwrap_err();
        assert_eq!(
            message,
            "it has no column `depth`; its columns are `Depth: binary`, `DEPTH: binary`"
        );
    }
}
